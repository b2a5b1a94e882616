import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isTemporary, PartitionMismatch, provisionStreams } from "../cluster/provision.ts";
import type { ChatCluster, ChatClusterSpec } from "../cluster/types.ts";
import { createLog } from "../platform/log.ts";
import { connectNats } from "../platform/nats.ts";
import { UsageError } from "../platform/settings.ts";
import { findBinaries } from "./binaries.ts";
import { openDataFolder } from "./data-folder.ts";
import { Guard } from "./guard.ts";
import { PartLog } from "./part-log.ts";
import {
  natsPlan,
  natsUrl,
  ownRoleCommand,
  type Place,
  type RoleCommand,
  redisPlan,
  redisUrl,
  serverPlan,
  workerPlan,
} from "./parts.ts";
import { freePorts, holdPort } from "./ports.ts";
import { Part, type PartKind, type PartPlan } from "./supervisor.ts";
import { reachable, untilWelcome } from "./welcome.ts";

export type LocalClusterOptions = {
  readonly cluster: ChatCluster;
  readonly dataFolder: string;
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Called for every part before it is started, so that its events can be listened to. */
  readonly onPart?: (part: Part) => void;
  /** Gives up starting, and stops what has been started. */
  readonly signal?: AbortSignal;
  /** How servers and workers are run; for tests. */
  readonly roleCommand?: RoleCommand;
};

export type LocalCluster = {
  readonly host: string;
  readonly port: number;
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly dataFolder: string;
  readonly spec: ChatClusterSpec;
  /** The parts that run or are being restarted, in the order in which they were started. */
  parts(kind?: PartKind): Part[];
  /** Done when the new server is ready. */
  addServer(): Promise<Part>;
  /** Done when the new worker is ready. */
  addWorker(): Promise<Part>;
  /** Stops the worker of that number (`worker-2` is number 2) for good. */
  stopWorker(number: number): Promise<void>;
  stopServer(number: number): Promise<void>;
  /** Stops all parts in order: servers, workers, then Redis and NATS. */
  stop(): Promise<void>;
};

const provisionLimit = 60_000;
const welcomeLimit = 30_000;

/**
 * Runs a ChatCluster as processes of this machine; done when a person can chat. What goes wrong on the way
 * is thrown, with nothing left running: a UsageError where a person can do something about it.
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { cluster, host = "127.0.0.1", roleCommand = ownRoleCommand } = options;
  const { spec } = cluster;
  const giveUp = new AbortController();
  const signal = AbortSignal.any([giveUp.signal, ...(options.signal ? [options.signal] : [])]);
  const binaries = findBinaries();
  const folder = openDataFolder(options.dataFolder);
  const guard = new Guard();
  const parts: Part[] = [];
  let releasePort = async (): Promise<void> => {};

  const start = async (plan: PartPlan): Promise<Part> => {
    signal.throwIfAborted();
    const part = new Part(plan, new PartLog(join(folder.logs, `${plan.name}.log`)), guard);
    parts.push(part);
    options.onPart?.(part);
    await part.start();
    return part;
  };
  const ofKind = (...kinds: PartKind[]): Part[] => parts.filter(({ kind }) => kinds.includes(kind));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      giveUp.abort(new Error("the cluster was stopped"));
      for (const kinds of stopOrder) await Promise.all(ofKind(...kinds).map((part) => part.stop()));
      await releasePort();
      guard.close();
      folder.close();
    })();
    return stopped;
  };

  try {
    const ports = await choosePorts(spec, options.port ?? 8080);
    releasePort = once(await holdPort(host, ports.chat));
    folder.keepNatsNodes(spec.nats.replicas);
    // Where the port can always be shared, servers can be added later.
    const reusePort = process.platform === "linux" || spec.server.replicas > 1;
    const place: Place = { cluster, folder, binaries, ports, host, reusePort, roleCommand };
    options.signal?.addEventListener("abort", () => void stop(), { once: true });

    await Promise.all([
      ...numbers(spec.nats.replicas).map((n) => start(natsPlan(place, n))),
      start(redisPlan(place)),
    ]);
    await provision(natsUrl(place), spec, signal);
    await releasePort();
    await Promise.all([
      ...numbers(spec.server.replicas).map((n) => start(serverPlan(place, n))),
      ...numbers(spec.workers.minReplicas).map((n) => start(workerPlan(place, n))),
    ]);
    await welcomed(host, ports.chat, signal);

    const add = (kind: "server" | "worker"): Promise<Part> => {
      const next = 1 + Math.max(0, ...ofKind(kind).map(numberOf));
      return start(kind === "server" ? serverPlan(place, next) : workerPlan(place, next));
    };
    const remove = async (kind: PartKind, number: number): Promise<void> => {
      const part = ofKind(kind).find((candidate) => numberOf(candidate) === number);
      if (part === undefined) throw new Error(`there is no ${kind}-${number}`);
      await part.stop();
      parts.splice(parts.indexOf(part), 1);
    };
    return {
      host,
      port: ports.chat,
      natsUrl: natsUrl(place),
      redisUrl: redisUrl(place),
      dataFolder: folder.path,
      spec,
      parts: (kind) => (kind === undefined ? [...parts] : ofKind(kind)),
      addServer: () => add("server"),
      addWorker: () => add("worker"),
      stopServer: (number) => remove("server", number),
      stopWorker: (number) => remove("worker", number),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Servers first, while what they still have to say can be stored; NATS and Redis when nobody needs them. */
const stopOrder: readonly (readonly PartKind[])[] = [["server"], ["worker"], ["redis", "nats"]];

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const numberOf = ({ name }: Part): number => Number(name.split("-").at(-1));

function once(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

async function choosePorts(spec: ChatClusterSpec, chat: number): Promise<Place["ports"]> {
  const [redis = 0, free = 0, ...rest] = await freePorts(2 + 3 * spec.nats.replicas);
  const nats = numbers(spec.nats.replicas).map(() => ({
    client: rest.shift() ?? 0,
    monitor: rest.shift() ?? 0,
    routes: rest.shift() ?? 0,
  }));
  return { chat: chat === 0 ? free : chat, redis, nats };
}

/** Makes the streams, trying again while NATS nodes are still finding each other. */
async function provision(url: string, spec: ChatClusterSpec, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(provisionLimit)]);
  const connection = await connectNats(url, "disroom up", createLog("up", "silent"), limit);
  // Ends a request that waits for its answer.
  const close = (): void => void connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    for (;;) {
      try {
        await provisionStreams(connection, spec);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof PartitionMismatch) throw new UsageError(error.message, { cause: error });
        if (!isTemporary(error) || limit.aborted) {
          throw new UsageError(`NATS refuses the streams of this ChatCluster: ${(error as Error).message}`, {
            cause: error,
          });
        }
      }
      await delay(100);
    }
  } finally {
    signal.removeEventListener("abort", close);
    await connection.close();
  }
}

async function welcomed(host: string, port: number, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(welcomeLimit)]);
  try {
    await untilWelcome(reachable(host), port, limit);
  } catch (error) {
    signal.throwIfAborted();
    throw new UsageError(`nobody answers on ${host}, port ${port}, although all parts are ready`, {
      cause: error,
    });
  }
}
