import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { ChatCluster } from "../cluster/chat-cluster.ts";
import { type NatsCluster, natsConfig } from "../cluster/nats-config.ts";
import { natsEnvironment, nodeEnvironment, nodeFlags } from "../cluster/process-settings.ts";
import { parseBytes } from "../cluster/quantity.ts";
import type { Binaries } from "./binaries.ts";
import type { DataFolder } from "./data-folder.ts";
import type { Listening } from "./readiness.ts";
import { redisConfig } from "./redis-config.ts";
import { parseRoleLine } from "./role-log.ts";
import type { PartPlan } from "./supervisor.ts";

/** How a ChatCluster becomes processes of one machine: a plan for each part. */
export type Place = {
  readonly cluster: ChatCluster;
  readonly folder: DataFolder;
  readonly binaries: Binaries;
  readonly ports: Ports;
  readonly host: string;
  readonly reusePort: boolean;
  readonly roleCommand: RoleCommand;
  readonly portFor?: PortFor;
};

export type Ports = {
  readonly chat: number;
  readonly redis: number;
  /** One for each NATS node. */
  readonly nats: readonly { readonly client: number; readonly monitor: number; readonly routes: number }[];
};

/** The port on which part `from` is to reach part `to`, which listens on `port`. */
export type PortFor = (from: string, to: string, port: number) => number;

/** The command that runs a role, without the role's own flags. */
export type RoleCommand = (role: "server" | "worker") => readonly [file: string, ...args: string[]];

/** This program itself, as it is running: compiled, or from its sources. */
export const ownRoleCommand: RoleCommand = (role) => {
  const main = import.meta.url.endsWith(".ts") ? "../main.ts" : "../main.js";
  return [process.execPath, ...nodeFlags, fileURLToPath(new URL(main, import.meta.url)), role];
};

const loopback = "127.0.0.1";
const natsUser = "disroom";
/** A server that has people to say goodbye to takes the longest. */
const roleGrace = 5000;

/** Where NATS is for part `from`, or for whoever is no part. */
export const natsUrl = (place: Place, from?: string): string =>
  place.ports.nats
    .map(({ client }, index) => portOf(place, from, natsName(index + 1), client))
    .map((port) => `nats://${natsUser}:${place.folder.credentials.nats}@${loopback}:${port}`)
    .join(",");

export const redisUrl = (place: Place, from?: string): string =>
  `redis://:${place.folder.credentials.redis}@${loopback}:${portOf(place, from, "redis", place.ports.redis)}`;

const portOf = ({ portFor }: Place, from: string | undefined, to: string, port: number): number =>
  from === undefined || from === to ? port : (portFor?.(from, to, port) ?? port);

const natsName = (number: number): string => `nats-${number}`;

/** NATS node `number`, from 1. */
export function natsPlan(place: Place, number: number): PartPlan {
  const { cluster, folder, binaries, ports } = place;
  const name = natsName(number);
  const own = ports.nats[number - 1];
  if (own === undefined) throw new Error(`no ports for ${name}`);
  const config = natsConfig({
    name,
    host: loopback,
    port: own.client,
    monitorPort: own.monitor,
    login: { user: natsUser, password: folder.credentials.nats },
    storeFolder: folder.storeOf(name),
    storageBytes: parseBytes(cluster.spec.nats.storage.size),
    syncAlways: cluster.spec.nats.syncAlways,
    ...(ports.nats.length > 1 && { cluster: natsCluster(place, name, own.routes) }),
  });
  return {
    name,
    kind: "nats",
    command: [binaries.natsServer, "-c", folder.writeConfig(name, config)],
    defaultEnvironment: natsEnvironment(availableParallelism()),
    listening: (line) =>
      line.endsWith("Server is ready") ? { http: `${loopback}:${own.monitor}` } : undefined,
    // It reads all of a large store before it listens.
    startLimit: 600_000,
    stopGrace: 10_000,
  };
}

function natsCluster(place: Place, own: string, port: number): NatsCluster {
  const { folder, ports, portFor } = place;
  const nodes = ports.nats.map(({ routes }, index) => portOf(place, own, natsName(index + 1), routes));
  return {
    name: "disroom",
    port,
    login: { user: "routes", password: folder.credentials.natsRoutes },
    nodes: nodes.map((node) => `${loopback}:${node}`),
    // Nodes tell each other where nodes are, and would then go past `portFor`: nobody is at that address.
    ...(portFor !== undefined && { advertise: `${loopback}:1` }),
  };
}

export function redisPlan({ folder, binaries, ports }: Place): PartPlan {
  const config = redisConfig(ports.redis, folder.credentials.redis, folder.storeOf("redis"));
  return {
    name: "redis",
    kind: "redis",
    command: [binaries.redisServer, folder.writeConfig("redis", config)],
    listening: (line) => (line.includes("Ready to accept connections") ? {} : undefined),
    startLimit: 30_000,
    stopGrace: 3000,
  };
}

export function serverPlan(place: Place, number: number): PartPlan {
  const { maxConnections, messagesPerSecond, sendQueueBytes, joinTimeout } = place.cluster.spec.server.limits;
  const flags = {
    host: place.host,
    port: place.ports.chat,
    "max-connections": maxConnections,
    "messages-per-second": messagesPerSecond,
    "send-queue-bytes": sendQueueBytes,
    "join-timeout": joinTimeout,
  };
  const sharing = place.reusePort ? ["--reuse-port"] : [];
  const redis = { DISROOM_REDIS_URL: redisUrl(place, `server-${number}`) };
  return rolePlan(place, "server", number, [...asArgs(flags), ...sharing], redis);
}

export function workerPlan(place: Place, number: number): PartPlan {
  return rolePlan(place, "worker", number, [], {});
}

function rolePlan(
  place: Place,
  role: "server" | "worker",
  number: number,
  own: string[],
  secrets: Record<string, string>,
): PartPlan {
  const [file, ...args] = place.roleCommand(role);
  const name = `${role}-${number}`;
  const common = {
    partitions: place.cluster.spec.workers.partitions,
    "http-host": loopback,
    "http-port": 0,
    "shutdown-grace": `${roleGrace}ms`,
  };
  return {
    name,
    kind: role,
    command: [file, ...args, ...asArgs(common), ...own],
    defaultEnvironment: nodeEnvironment,
    // They hold passwords, and flags can be read by every user of the machine.
    environment: {
      ...secrets,
      DISROOM_NATS_URL: natsUrl(place, name),
      // What a part says when it listens is of this level.
      DISROOM_LOG_LEVEL: process.env.DISROOM_LOG_LEVEL === "debug" ? "debug" : "info",
    },
    listening: roleListening,
    startLimit: 60_000,
    stopGrace: roleGrace + 1000,
  };
}

function roleListening(line: string): Listening | undefined {
  const parsed = parseRoleLine(line);
  if (parsed?.msg !== "listening" || parsed.http === undefined) return undefined;
  return { http: parsed.http, readyPath: "/readyz" };
}

const asArgs = (flags: Record<string, string | number>): string[] =>
  Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
