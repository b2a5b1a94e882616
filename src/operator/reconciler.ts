import { roomsStream } from "../chat/subjects.ts";
import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { Credentials } from "../cluster/credentials.ts";
import { consumersOf } from "../cluster/streams.ts";
import type { Log } from "../platform/log.ts";
import type { Applier } from "./applier.ts";
import type { Caches, WatchedChatCluster } from "./caches.ts";
import { earlierOf, type Founding, foundingOf } from "./earlier.ts";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import { type Outcome, UnfinishedError } from "./kube/controller.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf, nameOfKey } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import type { LagWatch } from "./lag/lag-watch.ts";
import type { Monitoring } from "./monitoring.ts";
import type { NatsError, ProvidedNats } from "./nats/provide.ts";
import { Obstacles } from "./obstacles.ts";
import {
  CredentialsError,
  credentialsSecret,
  lastCredentials,
  readCredentials,
} from "./resources/credentials.ts";
import { componentLabel } from "./resources/metadata.ts";
import { nameOf } from "./resources/names.ts";
import { objectsOf } from "./resources/objects.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { stableText } from "./stable-text.ts";
import { type ChangedObject, objectsText, streamsText } from "./status/changes.ts";
import type { Problem } from "./status/conditions.ts";
import { describe, describePaused, type Seen } from "./status/describe.ts";
import { pausedLag, type SeenLag } from "./status/lag.ts";
import { newsOf, troublesOf } from "./status/news.ts";
import { startsOf } from "./status/pods.ts";
import { countsOf, readiness } from "./status/workload.ts";
import { Troubles } from "./troubles.ts";
import { claimSizeOf, configuredBytes, growVolumes, smallClaims, smallestVolume } from "./volumes.ts";
import type { Workers } from "./workers.ts";

export type ReconcilerSettings = {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly monitoring: Monitoring;
  readonly log: Log;
  readonly lag: LagWatch;
  readonly workers: Workers;
  /** Image of chat servers and queue workers where a ChatCluster names none. */
  readonly image: string;
  /** Where this operator runs: nobody from elsewhere may call himself one. */
  readonly operatorNamespace?: string;
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
/** The same where something is about to change by itself. */
const soon = 500;

/** What was seen of NATS last, and of what it was made. */
type SeenNats = {
  readonly uid: string;
  readonly of: string;
  readonly at: number;
  readonly provided: ProvidedNats;
};

/** What is decided before anything is made. */
type Decided = { readonly wantedWorkers: number; readonly mayFound: boolean };

/** A status that was written, and the version of the ChatCluster with it. */
type Written = { readonly uid: string; readonly status: ChatClusterStatus; readonly version: string };

/** The ChatCluster has changed since it was read. */
class OutdatedError extends Error {}

/** What came of making all that there is to be. */
type Provided = Pick<Seen, "streams" | "lag"> &
  Partial<Pick<Seen, "natsPresent">> & { readonly volumesGrow?: boolean };

/** Makes the objects of a ChatCluster be as its spec says, one step after the other, and says how it is. */
export class Reconciler {
  readonly #settings: ReconcilerSettings;
  /** By key of a ChatCluster. */
  readonly #nats = new Map<string, SeenNats>();
  /** By key of a ChatCluster, the status that was written last, which the cache may not have seen yet. */
  readonly #written = new Map<string, Written>();
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
    try {
      return await this.#reconcile(key, signal);
    } catch (error) {
      if (error instanceof OutdatedError) return { again: soon };
      throw error;
    }
  };

  async #reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, events, lag, workers } = this.#settings;
    const wished = caches.chatCluster(nameOfKey(key));
    // What belongs to it goes with it (owner references).
    if (wished === undefined || wished.metadata.deletionTimestamp !== undefined) {
      this.#nats.delete(key);
      this.#written.delete(key);
      this.#troubles.forget(key);
      void lag.forget(key);
      workers.forget(key);
      return {};
    }
    const before = this.#statusOf(wished);
    const { cluster, refused } = withoutShrinking(wished, before);
    if (cluster.spec.paused) {
      void lag.forget(key);
      workers.forget(key);
      const provided = { streams: notLookedAt(before), lag: pausedLag };
      const lastWorkers = before.workers?.desired ?? cluster.spec.workers.minReplicas;
      const seen = await this.#look(cluster, lastWorkers, provided, [], signal);
      await this.#report(cluster, describePaused(cluster, before, seen, new Date()), signal);
      return {};
    }
    const problems: Problem[] = [];
    const { mayFound, going } = await this.#founding(cluster, problems, signal);
    if (going.length > 0) {
      const message = `what an earlier ChatCluster of this name had is still there: ${objectsText(going.map(nameIn))}`;
      events.record(cluster, "Normal", "WaitsForEarlier", message);
      return { again: soon };
    }
    const wantedWorkers = workers.wanted(cluster, this.#get(cluster, "Deployment", "worker"));
    const provided = await this.#provide(cluster, { wantedWorkers, mayFound }, problems, signal);
    const seen = await this.#look(cluster, wantedWorkers, provided, [...refused, ...problems], signal);
    const status = describe(cluster, before, seen, new Date());
    await this.#report(cluster, status, signal);
    this.#troubles.tell(cluster, troublesOf(seen, status));
    const again = this.#againIn(cluster, provided, seen);
    // The queue tries again, each time a little later; NATS, which may be half done, does not wait for that.
    const [problem] = problems;
    if (problem !== undefined) throw new UnfinishedError(problem.message, again);
    return { again };
  }

  /** In how many milliseconds there may be something to do though nothing is told. */
  #againIn(cluster: WatchedChatCluster, { streams, volumesGrow }: Provided, { nats }: Seen): number {
    // Nobody watches the Events that say what keeps NATS from coming up.
    if (streams?.reason === natsNotReady.reason) return this.#obstacles.lookAgain(nats);
    const { isSettled = true } = this.#natsOf(cluster)?.provided ?? {};
    const isMissing = streams !== undefined && streams.reason !== notLookedAfter.reason;
    return isMissing || !isSettled || volumesGrow ? retry : resync;
  }

  /** Makes all that there is to be. What is refused is put to the problems. */
  async #provide(
    cluster: WatchedChatCluster,
    decided: Decided,
    problems: Problem[],
    signal: AbortSignal,
  ): Promise<Provided> {
    const changes: Changes = { created: [], changed: [] };
    try {
      await this.#noteTarget(cluster, signal);
      const credentials = await attempt("Secret", nameOf(cluster, "credentials"), problems, () =>
        this.#credentials(cluster, changes, signal),
      );
      if (credentials === undefined) {
        return { streams: notLookedAt(this.#statusOf(cluster)), lag: undefined };
      }
      const volumesGrow = await this.#apply(cluster, { ...decided, credentials }, changes, problems, signal);
      const streams = await this.#provideNats(cluster, credentials, signal);
      const lag = this.#lag(cluster, credentials, streams);
      // Where NATS was not looked after, nobody knows which of its nodes answer.
      const natsPresent = streams === undefined ? this.#natsOf(cluster)?.provided.present : undefined;
      return { streams, lag, volumesGrow, natsPresent };
    } finally {
      const { events } = this.#settings;
      const { created, changed } = changes;
      if (created.length > 0) events.record(cluster, "Normal", "Created", `created ${objectsText(created)}`);
      if (changed.length > 0) events.record(cluster, "Normal", "Updated", `changed ${objectsText(changed)}`);
    }
  }

  /** Nodes that NATS was told to have are known as such before there are any: from then on they may have votes. */
  async #noteTarget(cluster: WatchedChatCluster, signal: AbortSignal): Promise<void> {
    const before = this.#statusOf(cluster);
    const target = cluster.spec.nats.replicas;
    if (before.nats?.target === target) return;
    await this.#report(cluster, { ...before, nats: { ...before.nats, target } }, signal);
  }

  async #look(
    cluster: WatchedChatCluster,
    desiredWorkers: number,
    { streams, lag, natsPresent }: Provided,
    problems: readonly Problem[],
    signal: AbortSignal,
  ): Promise<Seen> {
    const { caches } = this.#settings;
    const pods = caches.podsOf(cluster);
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const { members, growing } = this.#natsOf(cluster)?.provided ?? {};
    return {
      nats,
      redis: this.#get(cluster, "Deployment", "redis"),
      servers: this.#get(cluster, "Deployment", "server"),
      workers: this.#get(cluster, "Deployment", "worker"),
      service: this.#get(cluster, "Service", "server"),
      pods,
      desiredWorkers,
      natsMembers: members ?? this.#statusOf(cluster).nats?.members,
      natsPresent,
      streams,
      growing,
      lag,
      obstacle: await this.#obstacles.find(nats, natsPodsOf(pods), signal),
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
    if (known !== undefined) return readCredentials(known);
    const natsSecret = this.#get(cluster, "Secret", "nats");
    if (natsSecret === undefined && this.#get(cluster, "StatefulSet", "nats") !== undefined) {
      const nats = nameOf(cluster, "nats");
      throw new CredentialsError(
        `the Secrets ${nameOf(cluster, "credentials")} and ${nats} are gone, and NATS runs with passwords that nobody ` +
          `else knows: put one of them back, or delete StatefulSet ${nats}, which leaves its volumes, to go on with new ones`,
      );
    }
    const last = lastCredentials(natsSecret, this.#get(cluster, "Secret", "redis"));
    const wanted = credentialsSecret(cluster, last);
    try {
      const created = await applier.create(resources.secrets, wanted, signal);
      changes.created.push(nameIn(created));
      return readCredentials(created);
    } catch (error) {
      if (!(error instanceof KubeApiError) || !error.isAlreadyExists) throw error;
      return readCredentials(await api.get<KubeObject>(resources.secrets, wanted.metadata, { signal }));
    }
  }

  /** Applies all objects, also those behind one that is refused; whether a volume is still to grow. */
  async #apply(
    cluster: WatchedChatCluster,
    { wantedWorkers, mayFound, credentials }: Decided & { readonly credentials: Credentials },
    changes: Changes,
    problems: Problem[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { api, applier, caches, events, image, monitoring, operatorNamespace } = this.#settings;
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const volumes = ["Volumes of", nameOf(cluster, "nats"), problems] as const;
    const claims = await attempt(...volumes, () => smallClaims(api, cluster, nats, signal));
    await attempt(...volumes, async () => {
      const grown = await growVolumes(api, cluster, claims ?? [], signal);
      if (grown.length > 0) events.record(cluster, "Normal", "VolumesGrow", `growing ${grown.join(", ")}`);
    });
    const configured = configuredBytes(this.#get(cluster, "Secret", "nats"));
    const smallest = claims === undefined ? configured : smallestVolume(claims, cluster);
    // A template that asks for more than volumes of an earlier ChatCluster have would hide that they are to grow.
    const claimSize = claimSizeOf(nats) ?? smallest?.toString();
    // A new volume begins with the size of the template. Nodes that have grown are not restarted to use less of theirs.
    const volumeBytes = smallest === undefined ? undefined : Math.max(smallest, configured ?? 0);
    const options = {
      ...{ image, workers: wantedWorkers, credentials, mayFound },
      ...(operatorNamespace !== undefined && { operatorNamespace }),
      ...(claimSize !== undefined && { claimSize }),
      ...(volumeBytes !== undefined && { volumeBytes }),
    };
    for (const wanted of [...objectsOf(cluster, options), ...monitoring.wanted(cluster)]) {
      await attempt(wanted.kind, wanted.metadata.name, problems, async () => {
        const existing = caches.get(wanted.kind, wanted.metadata);
        const applied = await applier.apply(resourceOf(wanted), wanted, existing, signal);
        if (applied !== "unchanged") changes[applied].push(nameIn(wanted));
      });
    }
    await attempt("Monitoring of", cluster.metadata.name, problems, () =>
      monitoring.removeUnwanted(cluster, signal),
    );
    return smallest !== undefined;
  }

  /** Whether NATS may be founded, and what has to be gone before anything is made. */
  async #founding(cluster: WatchedChatCluster, problems: Problem[], signal: AbortSignal): Promise<Founding> {
    const secrets = (["credentials", "nats", "redis"] as const).map((part) =>
      this.#get(cluster, "Secret", part),
    );
    const deployments = (["redis", "server", "worker"] as const).map((part) =>
      this.#get(cluster, "Deployment", part),
    );
    const statefulSet = this.#get(cluster, "StatefulSet", "nats");
    const going = earlierOf(cluster, [...secrets, statefulSet, ...deployments]);
    if (going.length > 0) return { mayFound: false, going };
    const known = { members: this.#statusOf(cluster).nats?.members, secret: secrets[1], statefulSet };
    const founding = await attempt("Volumes of", nameOf(cluster, "nats"), problems, () =>
      foundingOf(this.#settings.api, cluster, known, signal),
    );
    return founding ?? { mayFound: false, going: [] };
  }

  /** Why NATS is not there yet with its streams; undefined if it is. */
  async #provideNats(
    cluster: WatchedChatCluster,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const key = keyOf(cluster.metadata);
    const last = this.#natsOf(cluster);
    const nats = this.#get(cluster, "StatefulSet", "nats");
    const wanted = cluster.spec.nats.replicas;
    // One that is ready can tell of the others.
    if (readiness({ what: "NATS nodes", object: nats, wanted, needed: 1, pods: [] }).status !== "True") {
      this.#doubt(key, last);
      return natsNotReady;
    }
    const of = JSON.stringify([
      cluster.metadata.uid,
      cluster.spec.nats.replicas,
      cluster.spec.rooms,
      cluster.spec.queue,
      cluster.spec.workers.partitions,
      nats?.status,
      // One that came back may have lost something, and all its counts are as they were before.
      startsOf(natsPodsOf(this.#settings.caches.podsOf(cluster))),
    ]);
    if (last?.of === of && last.provided.isSettled && performance.now() - last.at < resync) return undefined;
    try {
      const provided = await this.#settings.provideNats(cluster, credentials, signal);
      this.#nats.set(key, { uid: cluster.metadata.uid, of, at: performance.now(), provided });
      this.#tellOfNats(cluster, provided);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      this.#doubt(key, last);
      const { reason = "StreamsFailed", message } = error as Partial<NatsError> & Error;
      return { reason, message };
    }
  }

  /** NATS is to be asked as soon as it can be, though all may look as it did when it was settled. */
  #doubt(key: string, last: SeenNats | undefined): void {
    if (last !== undefined) this.#nats.set(key, { ...last, of: "" });
  }

  #tellOfNats(cluster: WatchedChatCluster, { created, updated, removed }: ProvidedNats): void {
    const { events } = this.#settings;
    const consumers = new Set(consumersOf(cluster.spec).map(({ durable_name }) => durable_name));
    const isConsumer = (name: string): boolean => consumers.has(name);
    if (created.length > 0)
      events.record(cluster, "Normal", "StreamsCreated", `created ${streamsText(created, isConsumer)}`);
    if (updated.length > 0)
      events.record(cluster, "Normal", "StreamsUpdated", `changed ${streamsText(updated, isConsumer)}`);
    for (const node of removed) {
      const message = `NATS node ${node} is gone for good and has no vote any more; its copies are made anew on others`;
      events.record(cluster, "Warning", "NATSNodeRemoved", message);
    }
    if (this.#statusOf(cluster).nats?.members !== undefined && created.includes(roomsStream)) {
      const message = `stream ${roomsStream} was gone and was made anew, empty: NATS has lost its volumes`;
      events.record(cluster, "Warning", "MessagesLost", message);
    }
  }

  /** Begins to measure the lag when NATS can be asked, and goes on while it comes and goes. */
  #lag(cluster: WatchedChatCluster, credentials: Credentials, streams: Problem | undefined): SeenLag {
    const { lag, natsUrl, workers } = this.#settings;
    const key = keyOf(cluster.metadata);
    const isReached = streams === undefined || reachedAllTheSame.has(streams.reason);
    if (isReached || lag.isFollowed(key)) {
      const ready = (part: "server" | "worker"): number =>
        countsOf({ object: this.#get(cluster, "Deployment", part) }).readyReplicas;
      lag.follow(key, {
        uid: cluster.metadata.uid,
        url: natsUrl(cluster, credentials),
        spec: cluster.spec,
        expected: () => ({ servers: ready("server"), workers: ready("worker") }),
        onSample: (sample) =>
          workers.take(cluster, this.#get(cluster, "Deployment", "worker"), sample, ready("worker")),
      });
    }
    return lag.isFollowed(key) ? lag.shown(key) : streams;
  }

  /** Of this ChatCluster, not of an earlier one of the same name. */
  #natsOf({ metadata }: WatchedChatCluster): SeenNats | undefined {
    const seen = this.#nats.get(keyOf(metadata));
    return seen?.uid === metadata.uid ? seen : undefined;
  }

  #statusOf({ metadata, status = {} }: WatchedChatCluster): ChatClusterStatus {
    const written = this.#written.get(keyOf(metadata));
    return written?.uid === metadata.uid ? written.status : status;
  }

  /** The newest version that is known: what was written last may not be in the cache yet. */
  #versionOf({ metadata }: WatchedChatCluster): string {
    const { resourceVersion = "0" } = metadata;
    const written = this.#written.get(keyOf(metadata));
    if (written?.uid !== metadata.uid) return resourceVersion;
    return BigInt(written.version) > BigInt(resourceVersion) ? written.version : resourceVersion;
  }

  /** Writes the status where it says something new. @throws OutdatedError if the ChatCluster is another one by now */
  async #report(cluster: WatchedChatCluster, status: ChatClusterStatus, signal: AbortSignal): Promise<void> {
    const { api, events } = this.#settings;
    if (stableText(status) === stableText(cluster.status ?? {})) return;
    const { apiVersion, kind, metadata } = cluster;
    const { namespace, name, uid } = metadata;
    const before = this.#statusOf(cluster);
    // Without it, the status could become that of a later ChatCluster of this name.
    const resourceVersion = this.#versionOf(cluster);
    let written: KubeObject;
    try {
      written = await api.apply(
        resources.chatClusters,
        { apiVersion, kind, metadata: { namespace, name, resourceVersion }, status },
        { subresource: "status", signal },
      );
    } catch (error) {
      if (error instanceof KubeApiError && error.isConflict) throw new OutdatedError();
      throw error;
    }
    const version = written.metadata.resourceVersion ?? resourceVersion;
    this.#written.set(keyOf(metadata), { uid, status, version });
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

/** Why streams are not as they should be though NATS answers: there are those of before, as a rule. */
const reachedAllTheSame = new Set(["StreamsRefused", "PartitionMismatch"]);

const notLookedAfter: Problem = { reason: "NotLookedAt", message: "nobody looks after the streams" };

const natsNotReady: Problem = { reason: "NATSNotReady", message: "the streams wait for NATS" };

/** NATS nodes cannot become fewer yet: the votes and copies of those that went would be missed. */
function withoutShrinking(
  wished: WatchedChatCluster,
  { nats }: ChatClusterStatus,
): { readonly cluster: WatchedChatCluster; readonly refused: readonly Problem[] } {
  const { spec } = wished;
  const wanted = spec.nats.replicas;
  const replicas = Math.max(wanted, nats?.target ?? 0);
  if (replicas === wanted) return { cluster: wished, refused: [] };
  const message =
    `spec.nats.replicas is ${wanted}, but NATS has ${replicas} nodes, and cannot become smaller: ` +
    `they stay ${replicas}, until spec.nats.replicas is ${replicas} again`;
  return {
    cluster: { ...wished, spec: { ...spec, nats: { ...spec.nats, replicas } } },
    refused: [{ reason: "CannotShrink", message }],
  };
}

/** Streams that nobody looks at stay as they were. While too few nodes were ready, that says nothing of the streams. */
function notLookedAt({ conditions = [], nats }: ChatClusterStatus): Problem | undefined {
  const last = conditions.find(({ type }) => type === "NATSReady");
  const lackedNodes = last?.reason === "NotReady" || last?.reason === "Missing";
  const wereThere = last?.status === "True" || (lackedNodes && nats?.members !== undefined);
  return wereThere ? undefined : notLookedAfter;
}

function natsPodsOf(pods: readonly KubeObject[]): KubeObject[] {
  return pods.filter(({ metadata }) => metadata.labels?.[componentLabel] === "nats");
}

function resourceOf({ kind }: KubeObject): Resource {
  const found = Object.values<Resource>(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`the kind ${kind} is not known`);
  return found;
}
