import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Log } from "../platform/log.ts";
import type { KubeApi } from "./kube/api.ts";
import { ListWatch, type ListWatchSettings } from "./kube/list-watch.ts";
import { type KubeObject, keyOf, type ObjectName } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import type { Change } from "./kube/store.ts";
import { componentLabel, instanceLabel, ofAnyCluster } from "./resources/metadata.ts";
import type { StoredChatCluster } from "./resources/options.ts";

/** A ChatCluster as it was seen last. */
export type WatchedChatCluster = KubeObject & StoredChatCluster & { readonly status?: ChatClusterStatus };

/** Kinds of which a ChatCluster has objects. */
export const ownedResources = [
  resources.secrets,
  resources.serviceAccounts,
  resources.services,
  resources.networkPolicies,
  resources.podDisruptionBudgets,
  resources.statefulSets,
  resources.deployments,
] as const satisfies readonly Resource[];

export type CachesSettings = {
  readonly api: KubeApi;
  readonly log: Log;
  /** Where to look; none for all. */
  readonly namespaces: readonly string[];
  /** How long a watch may be silent before it is opened anew, in milliseconds. */
  readonly silenceLimit?: number;
  /** Told the key of the ChatCluster that a change concerns. */
  readonly onChange: (key: string) => void;
  /** Told of an object that is gone. */
  readonly onGone: (object: KubeObject) => void;
};

/** What the operator knows of the objects in the API server: ChatClusters, and all that belongs to them. */
export class Caches {
  readonly #settings: CachesSettings;
  readonly #chatClusters: ListWatch<WatchedChatCluster>[];
  readonly #owned: Map<string, ListWatch[]>;
  readonly #pods: ListWatch[];

  constructor(settings: CachesSettings) {
    this.#settings = settings;
    this.#chatClusters = this.#watch<WatchedChatCluster>({
      resource: resources.chatClusters,
      onChange: ({ object }) => settings.onChange(keyOf(object.metadata)),
    });
    this.#owned = new Map(
      ownedResources.map((resource) => [
        resource.kind,
        this.#watch({ resource, labelSelector: ofAnyCluster, onChange: this.#changed }),
      ]),
    );
    this.#pods = this.#watch({
      resource: resources.pods,
      labelSelector: ofAnyCluster,
      reduce: withoutSpec,
      groupOf: clusterOfPod,
      onChange: ({ object }) => {
        const key = clusterOfPod(object);
        if (key !== undefined) settings.onChange(key);
      },
    });
  }

  /** Done when all is known; fails when it is stopped before. */
  async start(): Promise<void> {
    // One after the other: what lists need for a moment would otherwise be needed ten times, and the process keeps it.
    for (const cache of this.#all) {
      cache.start();
      await cache.synced;
    }
  }

  /** Watches one more kind of which ChatClusters have some. Done when all of them are known. */
  async watchAlso(resource: Resource): Promise<void> {
    const added = this.#watch({ resource, labelSelector: ofAnyCluster, onChange: this.#changed });
    this.#owned.set(resource.kind, added);
    for (const cache of added) cache.start();
    await Promise.all(added.map((cache) => cache.synced));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((cache) => cache.stop()));
  }

  chatCluster(name: ObjectName): WatchedChatCluster | undefined {
    return find(this.#chatClusters, name);
  }

  chatClusters(): WatchedChatCluster[] {
    return this.#chatClusters.flatMap((cache) => cache.list());
  }

  /** An object of a kind of which ChatClusters have some. */
  get(kind: string, name: ObjectName): KubeObject | undefined {
    return find(this.#owned.get(kind) ?? [], name);
  }

  /** The pods of a ChatCluster, without their specs. */
  podsOf({ metadata }: StoredChatCluster): KubeObject[] {
    return this.#pods.flatMap((cache) => cache.inGroup(keyOf(metadata)));
  }

  get #all(): Pick<ListWatch, "start" | "stop" | "synced">[] {
    return [...this.#chatClusters, ...this.#pods, ...[...this.#owned.values()].flat()];
  }

  readonly #changed = ({ type, object }: Change<KubeObject>): void => {
    if (type === "deleted") this.#settings.onGone(object);
    const owner = ownerOf(object);
    if (owner !== undefined) this.#settings.onChange(keyOf(owner));
  };

  #watch<T extends KubeObject>(
    settings: Pick<ListWatchSettings<T>, "resource" | "labelSelector" | "onChange" | "reduce" | "groupOf">,
  ): ListWatch<T>[] {
    const { api, log, namespaces, silenceLimit } = this.#settings;
    const limits = silenceLimit === undefined ? {} : { silenceLimit };
    const places = namespaces.length === 0 ? [undefined] : namespaces;
    return places.map(
      (namespace) => new ListWatch<T>({ api, log, namespace, alike: partOf, ...limits, ...settings }),
    );
  }
}

/** Which part of a ChatCluster an object belongs to. */
function partOf({ metadata: { labels } }: KubeObject): string | undefined {
  return labels?.[componentLabel];
}

/** A pod's spec is most of it, and its owner's template says the same. */
function withoutSpec({ spec, ...pod }: KubeObject): KubeObject {
  const { nodeName } = (spec ?? {}) as { nodeName?: string };
  return { ...(pod as KubeObject), spec: { nodeName } };
}

/** The key of the ChatCluster that a pod belongs to. */
function clusterOfPod({ metadata: { namespace, labels } }: KubeObject): string | undefined {
  const name = labels?.[instanceLabel];
  return name === undefined ? undefined : keyOf({ namespace, name });
}

function find<T extends KubeObject>(caches: readonly ListWatch<T>[], name: ObjectName): T | undefined {
  for (const cache of caches) {
    const found = cache.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The ChatCluster to which an object belongs. */
function ownerOf({ metadata }: KubeObject): ObjectName | undefined {
  const owner = metadata.ownerReferences?.find(
    ({ kind, controller }) => kind === "ChatCluster" && controller,
  );
  return owner && { namespace: metadata.namespace, name: owner.name };
}
