import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { ingressStream, roomsStream } from "../../src/chat/subjects.ts";
import type { LocalCluster } from "../../src/local/cluster.ts";
import type { Part } from "../../src/local/supervisor.ts";
import type { SmallDisk } from "./disk.ts";
import { type Condition, fine, type Link, type Links } from "./links.ts";
import type { PlannedFault } from "./plan.ts";

/** A fault that was made, with times in milliseconds since the start of the run. */
export type Fault = PlannedFault & {
  readonly startedAt: number;
  /** Undefined while it lasts. */
  endedAt?: number;
  /** What was done, and what came of it. */
  what: string;
};

export type FaultSite = {
  readonly cluster: LocalCluster;
  readonly links: Links;
  /** The stores of the NATS nodes by their names, where they can be made to fill up. */
  readonly disks: ReadonlyMap<string, SmallDisk>;
  readonly connection: NatsConnection;
  /** Lets clients send as much as they may, or at their usual pace again. */
  readonly flood: (on: boolean) => void;
  /** Milliseconds since the start of the run. */
  readonly now: () => number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
};

/** How long a part may take to come back, in milliseconds. */
const returnLimit = 60_000;
const silent: Condition = { kind: "silent" };

/** Makes one fault; resolves when it is over. What it does is told as it happens. */
export async function makeFault(fault: Fault, site: FaultSite): Promise<void> {
  const [action = ""] = fault.kind.split(/-(?!way|down|disk|queue|duck)/);
  const names = fault.parts.join(" and ");
  switch (action) {
    case "kill":
      fault.what = `kill -9 of ${names}`;
      return all(fault, site, (part) => ended(part, "SIGKILL", site));
    case "stop":
      fault.what = `SIGTERM to ${names}`;
      return all(fault, site, (part) => ended(part, "SIGTERM", site));
    case "lame-duck":
      fault.what = `lame duck of ${names}`;
      return all(fault, site, (part) => ended(part, "SIGUSR2", site));
    case "freeze":
      fault.what = `SIGSTOP of ${names} for ${fault.milliseconds} ms`;
      return all(fault, site, (part) => frozen(part, fault.milliseconds, site));
    case "step-down":
      return stepDown(fault, site);
    case "full-disk":
      return fullDisk(fault, site);
    case "full-queue":
      fault.what = `more messages than the queue takes, and all workers frozen for ${fault.milliseconds} ms`;
      site.flood(true);
      await all(fault, site, (part) => frozen(part, fault.milliseconds, site));
      return site.flood(false);
    default:
      return linkFault(action, fault, site);
  }
}

/** Undoes what a fault that was broken off may have left. */
export function heal({ cluster, links, disks }: Pick<FaultSite, "cluster" | "links" | "disks">): void {
  links.heal();
  for (const disk of disks.values()) disk.empty();
  for (const { pid } of cluster.parts()) signal(pid, "SIGCONT");
}

async function all(fault: Fault, { cluster }: FaultSite, act: (part: Part) => Promise<void>): Promise<void> {
  const parts = cluster.parts().filter(({ name }) => fault.parts.includes(name));
  await Promise.all(parts.map(act));
}

async function ended(part: Part, name: NodeJS.Signals, site: FaultSite): Promise<void> {
  const back = once(part.events, "ready", {
    signal: AbortSignal.any([site.signal, AbortSignal.timeout(returnLimit)]),
  });
  signal(part.pid, name);
  await back.catch(() => {
    if (!site.signal.aborted) throw new Error(`${part.name} did not come back within ${returnLimit} ms`);
  });
}

async function frozen(part: Part, milliseconds: number, site: FaultSite): Promise<void> {
  const { pid } = part;
  signal(pid, "SIGSTOP");
  await wait(milliseconds, site);
  // Whoever has the number now, if the part ended meanwhile, runs anyway.
  if (part.pid === pid) signal(pid, "SIGCONT");
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function stepDown(fault: Fault, { connection }: FaultSite): Promise<void> {
  const stream = fault.chance < 0.5 ? roomsStream : ingressStream;
  fault.what = `leader of ${stream} steps down`;
  try {
    const answer = await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, "", {
      timeout: 2000,
    });
    const { error } = answer.json<{ error?: { description: string } }>();
    if (error !== undefined) fault.what += ` (refused: ${error.description})`;
  } catch (error) {
    fault.what += ` (${(error as Error).message})`;
  }
}

async function fullDisk(fault: Fault, site: FaultSite): Promise<void> {
  const { disks, cluster } = site;
  const [name = ""] = fault.parts;
  const disk = disks.get(name);
  const node = cluster.parts("nats").find((part) => part.name === name);
  if (disk === undefined || node === undefined) return;
  fault.what = `disk of ${name} full for ${fault.milliseconds} ms`;
  disk.fill();
  await wait(fault.milliseconds, site);
  disk.empty();
  if (site.signal.aborted) return;
  // A node that ran out of space switches JetStream off until it is started again, as a liveness probe would.
  const health = await fetch(`http://${node.http}/healthz`).catch(() => undefined);
  if (health?.ok === true) return;
  fault.what += ", then restarted";
  await ended(node, "SIGTERM", site);
}

async function linkFault(action: string, fault: Fault, site: FaultSite): Promise<void> {
  const { links, signal: given } = site;
  const [one = "", planned = ""] = fault.parts;
  const other = farEnd(one, planned, site);
  const concerned =
    action === "isolate"
      ? site.cluster.parts("nats").flatMap(({ name }) => links.between(one, name))
      : links.between(one, other);
  const time = `for ${fault.milliseconds} ms`;
  switch (action) {
    case "cut":
      fault.what = `no connection between ${one} and ${other} ${time}`;
      for (const link of concerned) {
        link.refusing = true;
        link.reset();
      }
      break;
    case "silent":
      fault.what = `nothing passes between ${one} and ${other} ${time}`;
      for (const link of concerned) link.set(silent, silent);
      break;
    case "isolate":
      fault.what = `nothing passes between ${one} and the other NATS nodes ${time}`;
      for (const link of concerned) link.set(silent, silent);
      break;
    case "one-way":
      // Both ends may be the one that connects.
      fault.what = `nothing passes from ${fault.chance < 0.5 ? one : other} to the other of ${one} and ${other} ${time}`;
      for (const link of concerned) setOneWay(link, fault.chance < 0.5 ? one : other);
      break;
    case "slow": {
      const slow: Condition = {
        kind: "slow",
        delay: Math.round(20 + 200 * fault.chance),
        bytesPerSecond: 50_000,
      };
      fault.what = `slow link between ${one} and ${other} ${time} (${slow.delay} ms, 50 kB/s)`;
      for (const link of concerned) link.set(slow, slow);
      break;
    }
  }
  await delay(fault.milliseconds, undefined, { signal: given }).catch(() => {});
  const isLost = fault.lost && action !== "slow";
  if (isLost) fault.what += ", then connections lost";
  for (const link of concerned) {
    if (isLost) link.reset();
    link.refusing = false;
    link.set(fine, fine);
  }
}

/** A server or a worker is connected to one NATS node: a fault of its link to another would hit nothing. */
function farEnd(one: string, planned: string, { cluster, links }: FaultSite): string {
  const inUse = (node: string): boolean => links.between(one, node).some((link) => link.inUse);
  if (one.startsWith("nats") || !planned.startsWith("nats") || inUse(planned)) return planned;
  const nodes = cluster.parts("nats").map(({ name }) => name);
  return nodes.find(inUse) ?? planned;
}

function setOneWay(link: Link, mute: string): void {
  if (link.from === mute) link.set(silent, fine);
  else link.set(fine, silent);
}

const wait = (milliseconds: number, site: FaultSite): Promise<void> =>
  delay(milliseconds, undefined, { signal: site.signal }).catch(() => {});
