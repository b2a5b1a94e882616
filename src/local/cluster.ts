import type { ChatCluster, ChatClusterSpec } from "../cluster/chat-cluster.ts";
import type { Measured } from "../scaling/lag-meter.ts";
import { findBinaries } from "./binaries.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";
import { keepProvisioned } from "./keep-provisioned.ts";
import { LocalLag } from "./lag.ts";
import {
  natsPlan,
  natsUrl,
  ownRoleCommand,
  type Place,
  type PortFor,
  type Ports,
  type RoleCommand,
  redisPlan,
  redisUrl,
  serverPlan,
  workerPlan,
} from "./parts.ts";
import { freePorts, holdPort } from "./ports.ts";
import { provision } from "./provision.ts";
import type { RestartDelay } from "./restart-delay.ts";
import { RunningParts } from "./running-parts.ts";
import type { Part, PartKind } from "./supervisor.ts";
import { untilWelcome } from "./welcome.ts";
import { type ScalingObserver, WorkerScaling } from "./worker-scaling.ts";

export type LocalClusterOptions = {
  readonly cluster: ChatCluster;
  readonly dataFolder: string;
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Called for each part before it is started, so that its events can be listened to. */
  readonly onPart?: (part: Part) => void;
  /** Told what was amiss with the streams when a NATS node came back, and whether it is mended. */
  readonly onStreams?: (line: string) => void;
  /** Makes the workers follow the lag, and is told of it; without it they stay as many as they are. */
  readonly scaling?: ScalingObserver;
  /** Gives up starting, and stops what has been started. */
  readonly signal?: AbortSignal;
  /** How servers and workers are run; for tests. */
  readonly roleCommand?: RoleCommand;
  /** Where parts reach each other, in place of the ports that they listen on; for tests. */
  readonly portFor?: PortFor;
  /** How long to wait before a part that ended is started again; for tests. */
  readonly restartDelay?: RestartDelay;
};

export type LocalCluster = {
  readonly host: string;
  readonly port: number;
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly dataFolder: string;
  readonly spec: ChatClusterSpec;
  /** The parts that run or are being restarted, of one kind or all. */
  parts(kind?: PartKind): Part[];
  /**
   * How far storing lags behind accepting. One measurement at a time; what it says of the work done is of the time
   * since the one before.
   * @throws LagUnknown
   */
  measureLag(): Promise<Measured>;
  /** Done when the new server is ready. */
  addServer(): Promise<Part>;
  /** Done when the new worker is ready. */
  addWorker(): Promise<Part>;
  /** Stops the server of that number (`server-2` is number 2) for good. */
  stopServer(number: number): Promise<void>;
  stopWorker(number: number): Promise<void>;
  /** Stops all parts: servers, then workers, then Redis and NATS. */
  stop(): Promise<void>;
};

/**
 * Runs a ChatCluster as processes of this machine; done when a person can chat. What goes wrong on the way
 * is thrown, with nothing left running: a UsageError where a person can do something about it.
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  options.signal?.throwIfAborted();
  const binaries = findBinaries();
  const folder = openDataFolder(options.dataFolder);
  const parts = new RunningParts(folder.logs, options.onPart ?? (() => {}), options.restartDelay);
  const stopped = new AbortController();
  let lag: LocalLag | undefined;
  let scaling: WorkerScaling | undefined;
  const stop = async (): Promise<void> => {
    stopped.abort(new Error("the cluster was stopped"));
    await Promise.all([lag?.close(), scaling?.stop()]);
    await parts.stop();
    folder.close();
  };
  const onAbort = (): void => void parts.stop();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const place = await startParts(options, binaries, folder, parts);
    const tell = options.onStreams ?? (() => {});
    keepProvisioned({
      nodes: parts.list("nats"),
      provision: () => provision(natsUrl(place), place.cluster.spec, stopped.signal),
      onMended: ({ created, updated }) =>
        tell(`made again, since NATS had lost it: ${[...created, ...updated].join(", ")}`),
      onError: (error) =>
        stopped.signal.aborted || tell(`could not look after the streams: ${error.message}`),
    });
    const measuring = new LocalLag(natsUrl(place), (kind) => parts.list(kind));
    lag = measuring;
    scaling = options.scaling && followLag(place, parts, options.scaling);
    return { ...describe(place), ...controls(place, parts), measureLag: () => measuring.measure(), stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
  }
}

function followLag(place: Place, parts: RunningParts, observer: ScalingObserver): WorkerScaling {
  return new WorkerScaling({
    ...observer,
    cluster: place.cluster,
    lag: new LocalLag(natsUrl(place), (kind) => parts.list(kind)),
    list: () => parts.list("worker"),
    start: () => parts.start(workerPlan(place, parts.nextNumber("worker"))),
    stop: (worker) => parts.remove(worker),
  });
}

async function startParts(
  {
    cluster,
    host = "127.0.0.1",
    port = 8080,
    roleCommand = ownRoleCommand,
    portFor,
    signal,
  }: LocalClusterOptions,
  binaries: Place["binaries"],
  folder: DataFolder,
  parts: RunningParts,
): Promise<Place> {
  const { spec } = cluster;
  const giveUp = signal ?? new AbortController().signal;
  const ports = await choosePorts(spec.nats.replicas, port);
  const releasePort = await holdPort(host, ports.chat);
  const place: Place = {
    cluster,
    folder,
    binaries,
    ports,
    host,
    reusePort: canShare(spec),
    roleCommand,
    ...(portFor !== undefined && { portFor }),
  };
  const startEach = (count: number, plan: typeof natsPlan): Promise<Part>[] =>
    numbers(count).map((number) => parts.start(plan(place, number)));
  try {
    folder.keepNatsNodes(spec.nats.replicas);
    await Promise.all([...startEach(spec.nats.replicas, natsPlan), parts.start(redisPlan(place))]);
    await provision(natsUrl(place), spec, giveUp);
  } finally {
    await releasePort();
  }
  await Promise.all([
    ...startEach(spec.server.replicas, serverPlan),
    ...startEach(spec.workers.minReplicas, workerPlan),
  ]);
  await untilWelcome(host, ports.chat, giveUp);
  return place;
}

/** Where the chat port can always be shared, servers can be added later. */
const canShare = (spec: ChatClusterSpec): boolean => process.platform === "linux" || spec.server.replicas > 1;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

async function choosePorts(natsNodes: number, chat: number): Promise<Ports> {
  const [redis = 0, free = 0, ...rest] = await freePorts(2 + 3 * natsNodes);
  const nats = numbers(natsNodes).map(() => ({
    client: rest.shift() ?? 0,
    monitor: rest.shift() ?? 0,
    routes: rest.shift() ?? 0,
  }));
  return { chat: chat === 0 ? free : chat, redis, nats };
}

function describe(place: Place) {
  return {
    host: place.host,
    port: place.ports.chat,
    natsUrl: natsUrl(place),
    redisUrl: redisUrl(place),
    dataFolder: place.folder.path,
    spec: place.cluster.spec,
  };
}

function controls(place: Place, parts: RunningParts) {
  return {
    parts: (kind?: PartKind) => (kind === undefined ? parts.list() : parts.list(kind)),
    addServer: () => parts.start(serverPlan(place, parts.nextNumber("server"))),
    addWorker: () => parts.start(workerPlan(place, parts.nextNumber("worker"))),
    stopServer: async (number: number) => parts.remove(parts.find("server", number)),
    stopWorker: async (number: number) => parts.remove(parts.find("worker", number)),
  };
}
