import { roomsStream } from "../chat/subjects.ts";
import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Credentials } from "../cluster/credentials.ts";
import type { Log } from "../platform/log.ts";
import type { Applier } from "./applier.ts";
import type { Caches, WatchedChatCluster } from "./caches.ts";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import type { Outcome } from "./kube/controller.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf, nameOfKey } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import type { LagWatch } from "./lag/lag-watch.ts";
import type { Monitoring } from "./monitoring.ts";
import type { NatsError, ProvidedNats } from "./nats/provide.ts";
import { credentialsOf, credentialsSecret } from "./resources/credentials.ts";
import { nameOf, natsNodes } from "./resources/names.ts";
import { startFiles } from "./resources/nats-start.ts";
import { objectsOf } from "./resources/objects.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { stableText } from "./stable-text.ts";
import type { Problem } from "./status/conditions.ts";
import { describe, describePaused, type Seen } from "./status/describe.ts";
import type { SeenLag } from "./status/lag.ts";
import { countsOf, readiness } from "./status/workload.ts";
import { claimOf, claimSizeOf, growVolumes, smallClaims, smallestVolume } from "./volumes.ts";
import { workersOf } from "./workers.ts";

export type ReconcilerSettings = {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly monitoring: Monitoring;
  readonly log: Log;
  readonly lag: LagWatch;
  /** Image of chat servers and queue workers where a ChatCluster names none. */
  readonly image: string;
  /** Makes NATS be as a ChatCluster says, once it is there. */
  readonly provideNats: (
    cluster: StoredChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ) => Promise<ProvidedNats>;
  /** Where the NATS of a ChatCluster is, with user and password. */
  readonly natsUrl: (cluster: StoredChatCluster, credentials: Credentials) => string;
};

/** How often what nobody tells of is looked at, in milliseconds: streams that were changed by hand, for example. */
const resync = 5 * 60_000;
/** The same while NATS, or a volume, is not yet as it should be. */
const retry = 2000;

/** What was seen of NATS last, and of what it was made. */
type SeenNats = { readonly of: string; readonly at: number; readonly provided: ProvidedNats };

/** Makes the objects of a ChatCluster be as its spec says, one step after the other, and says how it is. */
export class Reconciler {
  readonly #settings: ReconcilerSettings;
  /** By key of a ChatCluster. */
  readonly #nats = new Map<string, SeenNats>();

  constructor(settings: ReconcilerSettings) {
    this.#settings = settings;
  }

  readonly reconcile = async (key: string, signal: AbortSignal): Promise<Outcome> => {
    const { caches, lag } = this.#settings;
    const wished = caches.chatCluster(nameOfKey(key));
    // What belongs to it goes with it (owner references).
    if (wished === undefined || wished.metadata.deletionTimestamp !== undefined) {
      this.#nats.delete(key);
      void lag.forget(key);
      return {};
    }
    if (wished.spec.paused) {
      void lag.forget(key);
      await this.#report(wished, describePaused(wished, wished.status ?? {}, new Date()), signal);
      return {};
    }
    const { cluster, refused } = withoutShrinking(wished);
    await this.#noteTarget(cluster, signal);
    const credentials = await this.#credentials(cluster, signal);
    const desiredWorkers = workersOf(cluster, this.#get(cluster, "Deployment", "worker"));
    const { problems, volumesGrow } = await this.#apply(cluster, credentials, desiredWorkers, signal);
    const streams = await this.#provideNats(cluster, credentials, signal);
    const { members, present, growing, isSettled = false } = this.#nats.get(key)?.provided ?? {};
    if (refused !== undefined)
      this.#settings.events.record(cluster, "Warning", refused.reason, refused.message);
    const seen: Seen = {
      nats: this.#get(cluster, "StatefulSet", "nats"),
      redis: this.#get(cluster, "Deployment", "redis"),
      servers: this.#get(cluster, "Deployment", "server"),
      workers: this.#get(cluster, "Deployment", "worker"),
      service: this.#get(cluster, "Service", "server"),
      pods: caches.podsOf(cluster),
      desiredWorkers,
      natsMembers: members ?? cluster.status?.nats?.members,
      natsPresent: streams === undefined ? present : undefined,
      streams,
      growing,
      lag: this.#lag(cluster, credentials, streams),
      problems: refused === undefined ? problems : [refused, ...problems],
    };
    await this.#report(cluster, describe(cluster, cluster.status ?? {}, seen, new Date()), signal);
    // The queue tries again, each time a little later.
    const [problem] = problems;
    if (problem !== undefined) throw new Error(problem.message);
    return { again: streams === undefined && isSettled && !volumesGrow ? resync : retry };
  };

  /** Nodes that NATS was told to have are known as such before there are any: from then on they may have votes. */
  async #noteTarget(cluster: WatchedChatCluster, signal: AbortSignal): Promise<void> {
    const { status = {}, spec } = cluster;
    if (status.nats?.target === spec.nats.replicas) return;
    const nats = { replicas: 0, readyReplicas: 0, ...status.nats, target: spec.nats.replicas };
    await this.#writeStatus(cluster, { ...status, nats }, signal);
  }

  #get(
    { metadata }: StoredChatCluster,
    kind: string,
    part: Parameters<typeof nameOf>[1],
  ): KubeObject | undefined {
    const name = nameOf({ metadata } as StoredChatCluster, part);
    return this.#settings.caches.get(kind, { namespace: metadata.namespace, name });
  }

  /** Those in the Secret. It is made once; whoever was quicker has made the right one. */
  async #credentials(cluster: WatchedChatCluster, signal: AbortSignal): Promise<Credentials> {
    const { api } = this.#settings;
    const known = this.#get(cluster, "Secret", "credentials");
    if (known !== undefined) return credentialsOf(known);
    const wanted = credentialsSecret(cluster, credentialsOf(undefined));
    try {
      return credentialsOf(await api.create<KubeObject>(resources.secrets, wanted, { signal }));
    } catch (error) {
      if (!(error instanceof KubeApiError) || !error.isAlreadyExists) throw error;
      return credentialsOf(await api.get<KubeObject>(resources.secrets, wanted.metadata, { signal }));
    }
  }

  /** Applies all objects, also those behind one that is refused. */
  async #apply(
    cluster: WatchedChatCluster,
    credentials: Credentials,
    workers: number,
    signal: AbortSignal,
  ): Promise<{ problems: Problem[]; volumesGrow: boolean }> {
    const { api, applier, caches, events, image, monitoring } = this.#settings;
    const problems: Problem[] = [];
    /** What is refused for a reason (a quota, a field that can't change) is no matter of the other objects. */
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof KubeApiError) || error.code < 400 || error.code >= 500) throw error;
        events.record(cluster, "Warning", "Refused", error.message);
        problems.push({ reason: error.reason, message: error.message });
      }
    };
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const claims = await smallClaims(api, cluster, nats, signal);
    await attempt(async () => {
      const grown = await growVolumes(api, cluster, claims, signal);
      if (grown.length > 0) events.record(cluster, "Normal", "VolumesGrow", `growing ${grown.join(", ")}`);
    });
    const claimSize = claimSizeOf(nats);
    const volumeBytes = smallestVolume(claims, cluster);
    const options = {
      ...{ image, workers, credentials },
      mayFound: await this.#mayFound(cluster, signal),
      ...(claimSize !== undefined && { claimSize }),
      ...(volumeBytes !== undefined && { volumeBytes }),
    };
    for (const wanted of [...objectsOf(cluster, options), ...monitoring.wanted(cluster)]) {
      await attempt(async () => {
        const existing = caches.get(wanted.kind, wanted.metadata);
        const applied = await applier.apply(resourceOf(wanted), wanted, existing, signal);
        if (applied === "unchanged") return;
        const reason = applied === "created" ? "Created" : "Updated";
        events.record(cluster, "Normal", reason, `${wanted.kind} ${wanted.metadata.name} was ${applied}`);
      });
    }
    await attempt(() => monitoring.removeUnwanted(cluster, signal));
    return { problems, volumesGrow: volumeBytes !== undefined };
  }

  /**
   * Whether the first NATS node may found a cluster where its volume is empty. One that is alone may always: nobody has
   * what it lost. Otherwise only where there was none yet; a second cluster beside the first would split the messages.
   */
  async #mayFound(cluster: WatchedChatCluster, signal: AbortSignal): Promise<boolean> {
    if (cluster.spec.nats.replicas === 1) return true;
    if (cluster.status?.nats?.members !== undefined) return false;
    const decided = this.#get(cluster, "Secret", "nats")?.data as Record<string, string> | undefined;
    if (decided !== undefined) return startFiles.founderName in decided;
    // An earlier ChatCluster of this name has left volumes. They know their cluster.
    for (const node of natsNodes(cluster).slice(1)) {
      if ((await claimOf(this.#settings.api, cluster, node, signal)) !== undefined) return false;
    }
    return true;
  }

  /** Why NATS is not there yet with its streams; undefined if it is. */
  async #provideNats(
    cluster: WatchedChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const { events, provideNats } = this.#settings;
    const key = keyOf(cluster.metadata);
    const last = this.#nats.get(key);
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const wanted = cluster.spec.nats.replicas;
    // One that is ready can tell of the others.
    if (readiness({ what: "NATS nodes", object: nats, wanted, needed: 1, pods: [] }).status !== "True") {
      return { reason: "NATSNotReady", message: "the streams wait for NATS" };
    }
    const of = JSON.stringify([
      cluster.metadata.uid,
      cluster.spec.nats.replicas,
      cluster.spec.rooms,
      cluster.spec.queue,
      cluster.spec.workers.partitions,
      nats?.status,
    ]);
    if (last?.of === of && last.provided.isSettled && performance.now() - last.at < resync) return undefined;
    try {
      const provided = await provideNats(cluster, credentials, signal);
      this.#nats.set(key, { of, at: performance.now(), provided });
      this.#tellOfNats(cluster, provided);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const { reason = "StreamsFailed", message } = error as Partial<NatsError> & Error;
      if (reason !== "NATSBusy") events.record(cluster, "Warning", reason, message);
      return { reason, message };
    }
  }

  #tellOfNats(cluster: WatchedChatCluster, { created, updated, removed }: ProvidedNats): void {
    const { events } = this.#settings;
    if (created.length > 0)
      events.record(cluster, "Normal", "StreamsCreated", `created ${created.join(", ")}`);
    if (updated.length > 0)
      events.record(cluster, "Normal", "StreamsUpdated", `updated ${updated.join(", ")}`);
    for (const node of removed) {
      const message = `NATS node ${node} is gone for good and has no vote any more; its copies are made anew on others`;
      events.record(cluster, "Warning", "NATSNodeRemoved", message);
    }
    if (cluster.status?.nats?.members !== undefined && created.includes(roomsStream)) {
      const message = `stream ${roomsStream} was gone and was made anew, empty: NATS has lost its volumes`;
      events.record(cluster, "Warning", "MessagesLost", message);
    }
  }

  async #writeStatus(
    { apiVersion, kind, metadata: { namespace, name } }: WatchedChatCluster,
    status: ChatClusterStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const object = { apiVersion, kind, metadata: { namespace, name }, status };
    await this.#settings.api.apply(resources.chatClusters, object, { subresource: "status", signal });
  }

  /** Begins to measure the lag when the streams are there, and goes on while NATS comes and goes. */
  #lag(cluster: WatchedChatCluster, credentials: Credentials, streams: Problem | undefined): SeenLag {
    const { lag, natsUrl } = this.#settings;
    const key = keyOf(cluster.metadata);
    if (streams === undefined) {
      const ready = (part: "server" | "worker"): number =>
        countsOf({ object: this.#get(cluster, "Deployment", part) }).readyReplicas;
      lag.follow(key, {
        uid: cluster.metadata.uid,
        url: natsUrl(cluster, credentials),
        targetSeconds: cluster.spec.workers.lag.targetSeconds,
        expected: () => ({ servers: ready("server"), workers: ready("worker") }),
      });
    }
    return streams === undefined || lag.isFollowed(key) ? lag.shown(key) : streams;
  }

  /** Writes the status where it says something new. */
  async #report(cluster: WatchedChatCluster, status: ChatClusterStatus, signal: AbortSignal): Promise<void> {
    const { events } = this.#settings;
    if (stableText(status) === stableText(cluster.status ?? {})) return;
    await this.#writeStatus(cluster, status, signal);
    const ready = (of: ChatClusterStatus) => of.conditions?.find(({ type }) => type === "Ready");
    const [was, is] = [ready(cluster.status ?? {}), ready(status)];
    if (is !== undefined && was?.status !== is.status && (was !== undefined || is.status === "True")) {
      events.record(
        cluster,
        is.status === "True" ? "Normal" : "Warning",
        is.status === "True" ? "Ready" : "NotReady",
        is.message,
      );
    }
  }
}

/** NATS nodes cannot become fewer yet: the votes and copies of those that went would be missed. */
function withoutShrinking(wished: WatchedChatCluster): {
  readonly cluster: WatchedChatCluster;
  readonly refused?: Problem;
} {
  const { spec, status } = wished;
  const wanted = spec.nats.replicas;
  const replicas = Math.max(wanted, status?.nats?.target ?? 0);
  if (replicas === wanted) return { cluster: wished };
  const message =
    `spec.nats.replicas is ${wanted}, but NATS has ${replicas} nodes, and cannot become smaller: ` +
    `they stay ${replicas}, until spec.nats.replicas is ${replicas} again`;
  return {
    cluster: { ...wished, spec: { ...spec, nats: { ...spec.nats, replicas } } },
    refused: { reason: "CannotShrink", message },
  };
}

function resourceOf({ kind }: KubeObject): Resource {
  const found = Object.values<Resource>(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`the kind ${kind} is not known`);
  return found;
}
