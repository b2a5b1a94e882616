import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Credentials } from "../cluster/credentials.ts";
import { natsQuorum } from "../cluster/derived.ts";
import type { Provisioned } from "../cluster/provision.ts";
import { consumersOf } from "../cluster/streams.ts";
import type { Log } from "../platform/log.ts";
import type { Applier } from "./applier.ts";
import type { Caches, WatchedChatCluster } from "./caches.ts";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import type { Outcome } from "./kube/controller.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf, nameOfKey } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import { lookAgain, Obstacles } from "./obstacles.ts";
import { CredentialsError, credentialsOf, credentialsSecret } from "./resources/credentials.ts";
import { componentLabel } from "./resources/metadata.ts";
import { nameOf } from "./resources/names.ts";
import { objectsOf } from "./resources/objects.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { stableText } from "./stable-text.ts";
import { type ChangedObject, objectsText, streamsText } from "./status/changes.ts";
import type { Problem } from "./status/conditions.ts";
import { describe, describePaused, type Seen } from "./status/describe.ts";
import { newsOf, troublesOf } from "./status/news.ts";
import { readiness } from "./status/workload.ts";
import type { StreamsError } from "./streams.ts";
import { Troubles } from "./troubles.ts";
import { claimSizeOf, growVolumes } from "./volumes.ts";
import { workersOf } from "./workers.ts";

export type ReconcilerSettings = {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly log: Log;
  /** Image of chat servers and queue workers where a ChatCluster names none. */
  readonly image: string;
  /** Makes the streams of a ChatCluster whose NATS is there. */
  readonly provideStreams: (
    cluster: StoredChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ) => Promise<Provisioned>;
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
  /** By key of a ChatCluster, the status that was written last, which the cache may not have seen yet. */
  readonly #written = new Map<string, { readonly uid: string; readonly status: ChatClusterStatus }>();
  readonly #troubles: Troubles;
  readonly #obstacles: Obstacles;

  constructor(settings: ReconcilerSettings) {
    this.#settings = settings;
    this.#troubles = new Troubles(settings.events);
    this.#obstacles = new Obstacles(settings.api);
  }

  /** An object that belonged to a ChatCluster is gone. */
  forget(object: KubeObject): void {
    this.#settings.applier.forget(object);
    this.#obstacles.forget(object);
  }

  readonly reconcile = async (key: string, signal: AbortSignal): Promise<Outcome> => {
    const cluster = this.#settings.caches.chatCluster(nameOfKey(key));
    // What belongs to it goes with it (owner references).
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) {
      this.#streams.delete(key);
      this.#written.delete(key);
      this.#troubles.forget(key);
      return {};
    }
    const before = this.#statusOf(cluster);
    const workers = workersOf(cluster, this.#get(cluster, "Deployment", "worker"));
    if (cluster.spec.paused) {
      const seen = await this.#look(cluster, workers, notLookedAt(before), [], signal);
      await this.#report(cluster, describePaused(cluster, before, seen, new Date()), signal);
      return {};
    }
    const problems: Problem[] = [];
    const streams = await this.#provide(cluster, workers, problems, signal);
    const seen = await this.#look(cluster, workers, streams, problems, signal);
    const status = describe(cluster, before, seen, new Date());
    await this.#report(cluster, status, signal);
    this.#troubles.tell(cluster, troublesOf(seen, status));
    // The queue tries again, each time a little later.
    const [problem] = problems;
    if (problem !== undefined) throw new Error(problem.message);
    if (streams === undefined) return { again: resync };
    // Nobody watches the Events that say what keeps NATS from coming up.
    return { again: streams.reason === natsNotReady.reason ? lookAgain : retryStreams };
  };

  /** Makes all that there is to be; why the streams are not there yet. What is refused is put to the problems. */
  async #provide(
    cluster: WatchedChatCluster,
    workers: number,
    problems: Problem[],
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const changes: Changes = { created: [], changed: [] };
    try {
      const credentials = await attempt("Secret", nameOf(cluster, "credentials"), problems, () =>
        this.#credentials(cluster, changes, signal),
      );
      if (credentials === undefined) return notLookedAt(this.#statusOf(cluster));
      await this.#apply(cluster, credentials, workers, changes, problems, signal);
      return await this.#provideStreams(cluster, credentials, signal);
    } finally {
      const { events } = this.#settings;
      const { created, changed } = changes;
      if (created.length > 0) events.record(cluster, "Normal", "Created", `created ${objectsText(created)}`);
      if (changed.length > 0) events.record(cluster, "Normal", "Updated", `changed ${objectsText(changed)}`);
    }
  }

  async #look(
    cluster: WatchedChatCluster,
    desiredWorkers: number,
    streams: Problem | undefined,
    problems: readonly Problem[],
    signal: AbortSignal,
  ): Promise<Seen> {
    const { caches } = this.#settings;
    const pods = caches.podsOf(cluster);
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const natsPods = pods.filter(({ metadata }) => metadata.labels?.[componentLabel] === "nats");
    return {
      nats,
      redis: this.#get(cluster, "Deployment", "redis"),
      servers: this.#get(cluster, "Deployment", "server"),
      workers: this.#get(cluster, "Deployment", "worker"),
      service: this.#get(cluster, "Service", "server"),
      pods,
      desiredWorkers,
      streams,
      obstacle: await this.#obstacles.find(nats, natsPods, signal),
      problems,
    };
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
  async #credentials(
    cluster: WatchedChatCluster,
    changes: Changes,
    signal: AbortSignal,
  ): Promise<Credentials> {
    const { api, applier } = this.#settings;
    const known = this.#get(cluster, "Secret", "credentials");
    if (known !== undefined) return credentialsOf(known);
    const wanted = credentialsSecret(cluster, credentialsOf(undefined));
    try {
      const created = await applier.create(resources.secrets, wanted, signal);
      changes.created.push(nameIn(created));
      return credentialsOf(created);
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
    changes: Changes,
    problems: Problem[],
    signal: AbortSignal,
  ): Promise<void> {
    const { applier, caches, events, image } = this.#settings;
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const claimSize = claimSizeOf(nats);
    const options = { image, workers, credentials, ...(claimSize !== undefined && { claimSize }) };
    for (const wanted of objectsOf(cluster, options)) {
      await attempt(wanted.kind, wanted.metadata.name, problems, async () => {
        const existing = caches.get(wanted.kind, wanted.metadata);
        const applied = await applier.apply(resourceOf(wanted), wanted, existing, signal);
        if (applied !== "unchanged") changes[applied].push(nameIn(wanted));
      });
    }
    await attempt("Volumes of", nameOf(cluster, "nats"), problems, async () => {
      const grown = await growVolumes(this.#settings.api, cluster, nats, signal);
      if (grown.length > 0) events.record(cluster, "Normal", "VolumesGrow", `growing ${grown.join(", ")}`);
    });
  }

  /** Why the streams are not there yet; undefined if they are. */
  async #provideStreams(
    cluster: WatchedChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const { events, provideStreams } = this.#settings;
    const consumers = new Set(consumersOf(cluster.spec).map(({ durable_name }) => durable_name));
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const wanted = cluster.spec.nats.replicas;
    const needed = natsQuorum(cluster.spec);
    if (readiness({ what: "NATS nodes", object: nats, wanted, needed, pods: [] }).status !== "True") {
      return natsNotReady;
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
      const isConsumer = (name: string): boolean => consumers.has(name);
      if (created.length > 0)
        events.record(cluster, "Normal", "StreamsCreated", `created ${streamsText(created, isConsumer)}`);
      if (updated.length > 0)
        events.record(cluster, "Normal", "StreamsUpdated", `changed ${streamsText(updated, isConsumer)}`);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const { reason = "StreamsFailed", message } = error as Partial<StreamsError> & Error;
      return { reason, message };
    }
  }

  #statusOf({ metadata, status = {} }: WatchedChatCluster): ChatClusterStatus {
    const written = this.#written.get(keyOf(metadata));
    return written?.uid === metadata.uid ? written.status : status;
  }

  /** Writes the status where it says something new. */
  async #report(cluster: WatchedChatCluster, status: ChatClusterStatus, signal: AbortSignal): Promise<void> {
    const { api, events } = this.#settings;
    if (stableText(status) === stableText(cluster.status ?? {})) return;
    const { apiVersion, kind, metadata } = cluster;
    const { namespace, name, uid } = metadata;
    const before = this.#statusOf(cluster);
    await api.apply(
      resources.chatClusters,
      { apiVersion, kind, metadata: { namespace, name }, status },
      { subresource: "status", signal },
    );
    this.#written.set(keyOf(metadata), { uid, status });
    for (const { type, reason, message } of newsOf(before, status)) {
      events.record(cluster, type, reason, message);
    }
  }
}

/** Objects that were made or changed. */
type Changes = Record<"created" | "changed", ChangedObject[]>;

const nameIn = ({ kind, metadata: { name } }: KubeObject): ChangedObject => ({ kind, name });

/** What is refused for a reason (a quota, a field that can't change) is no matter of the other objects. */
async function attempt<T>(
  kind: string,
  name: string,
  problems: Problem[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CredentialsError) {
      problems.push({ reason: "CredentialsUnusable", message: error.message });
    } else if (error instanceof KubeApiError && error.isRefusal) {
      problems.push({ reason: error.reason, message: `${kind} ${name}: ${error.answer}` });
    } else throw error;
    return undefined;
  }
}

const natsNotReady: Problem = { reason: "NATSNotReady", message: "the streams wait for NATS" };

/** Streams that nobody looks at stay as they were. */
function notLookedAt({ conditions = [] }: ChatClusterStatus): Problem | undefined {
  const wasReady = conditions.some(({ type, status }) => type === "NATSReady" && status === "True");
  return wasReady ? undefined : { reason: "NotLookedAt", message: "nobody looks after the streams" };
}

function resourceOf({ kind }: KubeObject): Resource {
  const found = Object.values<Resource>(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`the kind ${kind} is not known`);
  return found;
}
