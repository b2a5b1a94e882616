import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Log } from "../platform/log.ts";
import type { KubeApi } from "./kube/api.ts";
import { ListWatch } from "./kube/list-watch.ts";
import { type KubeObject, keyOf, type ObjectName } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import type { Change } from "./kube/store.ts";
import { instanceLabel, ofAnyCluster } from "./resources/metadata.ts";
import type { StoredChatCluster } from "./resources/options.ts";

/** A ChatCluster as it was seen last. */
export type WatchedChatCluster = KubeObject & StoredChatCluster & { readonly status?: ChatClusterStatus };

/** Kinds of which a ChatCluster has objects. */
const ownedResources = [
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
  readonly #owned: ReadonlyMap<string, ListWatch[]>;
  readonly #pods: ListWatch[];

  constructor(settings: CachesSettings) {
    this.#settings = settings;
    this.#chatClusters = this.#watch<WatchedChatCluster>(resources.chatClusters, undefined, ({ object }) =>
      settings.onChange(keyOf(object.metadata)),
    );
    this.#owned = new Map(
      ownedResources.map((resource) => [resource.kind, this.#watch(resource, ofAnyCluster, this.#changed)]),
    );
    this.#pods = this.#watch(resources.pods, ofAnyCluster, ({ object }) => {
      const name = object.metadata.labels?.[instanceLabel];
      if (name !== undefined) settings.onChange(keyOf({ namespace: object.metadata.namespace, name }));
    });
  }

  /** Done when all is known; fails when it is stopped before. */
  async start(): Promise<void> {
    const all = this.#all;
    for (const cache of all) cache.start();
    await Promise.all(all.map((cache) => cache.synced));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((cache) => cache.stop()));
  }

  chatCluster(name: ObjectName): WatchedChatCluster | undefined {
    return find(this.#chatClusters, name);
  }

  /** An object of a kind of which ChatClusters have some. */
  get(kind: string, name: ObjectName): KubeObject | undefined {
    return find(this.#owned.get(kind) ?? [], name);
  }

  /** The pods of a ChatCluster. */
  podsOf({ metadata: { namespace, name } }: StoredChatCluster): KubeObject[] {
    return this.#pods
      .flatMap((cache) => cache.list())
      .filter(
        ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[instanceLabel] === name,
      );
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
    resource: Resource,
    labelSelector: string | undefined,
    onChange: (change: Change<T>) => void,
  ): ListWatch<T>[] {
    const { api, log, namespaces, silenceLimit } = this.#settings;
    const limits = silenceLimit === undefined ? {} : { silenceLimit };
    const places = namespaces.length === 0 ? [undefined] : namespaces;
    return places.map(
      (namespace) => new ListWatch<T>({ api, resource, namespace, labelSelector, log, onChange, ...limits }),
    );
  }
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
