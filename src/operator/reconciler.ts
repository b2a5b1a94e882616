import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Credentials } from "../cluster/credentials.ts";
import { natsQuorum } from "../cluster/derived.ts";
import type { Provisioned } from "../cluster/provision.ts";
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
import { credentialsOf, credentialsSecret } from "./resources/credentials.ts";
import { nameOf } from "./resources/names.ts";
import { objectsOf } from "./resources/objects.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { stableText } from "./stable-text.ts";
import type { Problem } from "./status/conditions.ts";
import { describe, describePaused, type Seen } from "./status/describe.ts";
import type { SeenLag } from "./status/lag.ts";
import { countsOf, readiness } from "./status/workload.ts";
import type { StreamsError } from "./streams.ts";
import { claimSizeOf, growVolumes } from "./volumes.ts";
import { workersOf } from "./workers.ts";

export type ReconcilerSettings = {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly log: Log;
  readonly lag: LagWatch;
  /** Image of chat servers and queue workers where a ChatCluster names none. */
  readonly image: string;
  /** Makes the streams of a ChatCluster whose NATS is there. */
  readonly provideStreams: (
    cluster: StoredChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ) => Promise<Provisioned>;
  /** Where the NATS of a ChatCluster is, with user and password. */
  readonly natsUrl: (cluster: StoredChatCluster, credentials: Credentials) => string;
};

/** How often what nobody tells of is looked at, in milliseconds: streams that were changed by hand, for example. */
const resync = 5 * 60_000;
/** The same while NATS does not take the streams. */
const retryStreams = 2000;

/** Makes the objects of a ChatCluster be as its spec says, one step after the other, and says how it is. */
export class Reconciler {
  readonly #settings: ReconcilerSettings;
  /** By key of a ChatCluster, from what its streams were made last and when. */
  readonly #streams = new Map<string, { readonly of: string; readonly at: number }>();

  constructor(settings: ReconcilerSettings) {
    this.#settings = settings;
  }

  readonly reconcile = async (key: string, signal: AbortSignal): Promise<Outcome> => {
    const { caches, lag } = this.#settings;
    const cluster = caches.chatCluster(nameOfKey(key));
    // What belongs to it goes with it (owner references).
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) {
      this.#streams.delete(key);
      void lag.forget(key);
      return {};
    }
    if (cluster.spec.paused) {
      void lag.forget(key);
      await this.#report(cluster, describePaused(cluster, cluster.status ?? {}, new Date()), signal);
      return {};
    }
    const credentials = await this.#credentials(cluster, signal);
    const desiredWorkers = workersOf(cluster, this.#get(cluster, "Deployment", "worker"));
    const problems = await this.#apply(cluster, credentials, desiredWorkers, signal);
    const streams = await this.#provideStreams(cluster, credentials, signal);
    const seen: Seen = {
      nats: this.#get(cluster, "StatefulSet", "nats"),
      redis: this.#get(cluster, "Deployment", "redis"),
      servers: this.#get(cluster, "Deployment", "server"),
      workers: this.#get(cluster, "Deployment", "worker"),
      service: this.#get(cluster, "Service", "server"),
      pods: caches.podsOf(cluster),
      desiredWorkers,
      streams,
      lag: this.#lag(cluster, credentials, streams),
      problems,
    };
    await this.#report(cluster, describe(cluster, cluster.status ?? {}, seen, new Date()), signal);
    // The queue tries again, each time a little later.
    const [problem] = problems;
    if (problem !== undefined) throw new Error(problem.message);
    return { again: streams === undefined ? resync : retryStreams };
  };

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
  ): Promise<Problem[]> {
    const { applier, caches, events, image } = this.#settings;
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
    const claimSize = claimSizeOf(nats);
    const options = { image, workers, credentials, ...(claimSize !== undefined && { claimSize }) };
    for (const wanted of objectsOf(cluster, options)) {
      await attempt(async () => {
        const existing = caches.get(wanted.kind, wanted.metadata);
        const applied = await applier.apply(resourceOf(wanted), wanted, existing, signal);
        if (applied === "unchanged") return;
        const reason = applied === "created" ? "Created" : "Updated";
        events.record(cluster, "Normal", reason, `${wanted.kind} ${wanted.metadata.name} was ${applied}`);
      });
    }
    await attempt(async () => {
      const grown = await growVolumes(this.#settings.api, cluster, nats, signal);
      if (grown.length > 0) events.record(cluster, "Normal", "VolumesGrow", `growing ${grown.join(", ")}`);
    });
    return problems;
  }

  /** Why the streams are not there yet; undefined if they are. */
  async #provideStreams(
    cluster: WatchedChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const { events, provideStreams } = this.#settings;
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const wanted = cluster.spec.nats.replicas;
    const needed = natsQuorum(cluster.spec);
    if (readiness({ what: "NATS nodes", object: nats, wanted, needed, pods: [] }).status !== "True") {
      return { reason: "NATSNotReady", message: "the streams wait for NATS" };
    }
    const key = keyOf(cluster.metadata);
    const of = JSON.stringify([
      cluster.metadata.uid,
      cluster.spec.rooms,
      cluster.spec.queue,
      cluster.spec.workers.partitions,
      nats?.status,
    ]);
    const last = this.#streams.get(key);
    if (last?.of === of && performance.now() - last.at < resync) return undefined;
    try {
      const { created, updated } = await provideStreams(cluster, credentials, signal);
      this.#streams.set(key, { of, at: performance.now() });
      if (created.length > 0)
        events.record(cluster, "Normal", "StreamsCreated", `created ${created.join(", ")}`);
      if (updated.length > 0)
        events.record(cluster, "Normal", "StreamsUpdated", `updated ${updated.join(", ")}`);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const { reason = "StreamsFailed", message } = error as Partial<StreamsError> & Error;
      if (reason !== "NATSBusy") events.record(cluster, "Warning", reason, message);
      return { reason, message };
    }
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
    const { api, events } = this.#settings;
    if (stableText(status) === stableText(cluster.status ?? {})) return;
    const { apiVersion, kind, metadata } = cluster;
    const { namespace, name } = metadata;
    await api.apply(
      resources.chatClusters,
      { apiVersion, kind, metadata: { namespace, name }, status },
      { subresource: "status", signal },
    );
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

function resourceOf({ kind }: KubeObject): Resource {
  const found = Object.values<Resource>(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`the kind ${kind} is not known`);
  return found;
}
