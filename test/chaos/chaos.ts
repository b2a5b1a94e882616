import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { type LocalCluster, startLocalCluster } from "../../src/local/cluster.ts";
import type { RoleCommand } from "../../src/local/parts.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { UsageError } from "../../src/platform/settings.ts";
import { check, type Violation } from "./checker.ts";
import { ChaosClient, Recorder } from "./clients.ts";
import { mountSmallDisk, type SmallDisk } from "./disk.ts";
import { type Fault, heal, makeFault } from "./faults.ts";
import { forgotten } from "./forgotten.ts";
import type { History } from "./history.ts";
import { Links } from "./links.ts";
import { queueState, readLogs } from "./logs.ts";
import {
  type FaultKind,
  faultKinds,
  kindsFor,
  type PlannedFault,
  planFaults,
  routers,
  type Size,
} from "./plan.ts";
import { Random } from "./random.ts";
import { serverOf } from "./server-of.ts";
import { longestPauses, type Outage, outages } from "./service.ts";

export type ChaosOptions = {
  /** The same seed plans the same faults; what the processes make of them is never quite the same. */
  readonly seed: number;
  /** How many faults, or for how many milliseconds new ones begin. */
  readonly faults?: number;
  readonly milliseconds?: number;
  /** One fault at a time, this many milliseconds apart. */
  readonly apart?: number;
  readonly kinds?: readonly FaultKind[];
  readonly size?: Size;
  readonly rooms?: number;
  readonly membersPerRoom?: number;
  /** How servers and workers are run, in place of the sources. */
  readonly roleCommand?: RoleCommand;
  /** Leaves the folder although all went well. */
  readonly keep?: boolean;
  /** Told what happens, a line at a time. */
  readonly onLine?: (line: string) => void;
  /** Breaks the run off. */
  readonly signal?: AbortSignal;
};

export type ChaosResult = {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly history: History;
  readonly violations: readonly Violation[];
  /** What else is wrong, in words. */
  readonly troubles: readonly string[];
  readonly outages: readonly Outage[];
  readonly pauses: ReadonlyMap<FaultKind, number>;
  readonly milliseconds: number;
  /** When it began, by the clock of the parts' logs. */
  readonly startedAt: Date;
  /** Configuration and logs of the parts; kept where something was wrong or `keep` was set. */
  readonly folder: string;
};

const megabytesOfDisk = 192;
/** Before the first fault, and after the last, in milliseconds. */
const calm = 2000;
const aftermath = 5000;
/** How long it may take until all is quiet again when everything is healed, in milliseconds. */
const quietLimit = 60_000;

/**
 * Runs a cluster under load, lets planned faults happen to it, heals everything, waits until all is quiet, and
 * compares what clients saw with what the rooms' logs hold.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, size = { servers: 3, workers: 4, nats: 3 }, onLine = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const folder = mkdtempSync(join(tmpdir(), "disroom-chaos-"));
  let disks = new Map<string, SmallDisk>();
  let links: Links | undefined;
  let cluster: LocalCluster | undefined;
  let connection: NatsConnection | undefined;
  let keepFolder = false;
  try {
    disks = mountSmallDisks(folder, size.nats);
    const kinds = kindsFor(options.kinds ?? faultKinds, size).filter((kind) => {
      if (kind !== "full-disk-nats" || disks.size > 0) return true;
      onLine("left out: full-disk-nats, since only root may mount a small disk");
      return false;
    });
    if (kinds.length === 0) throw new UsageError("none of these faults can happen to this cluster");
    const plan = planFaults(new Random(seed), { ...options, size, kinds });
    links = await Links.open(linksOf(size));
    cluster = await startLocalCluster({
      cluster: chatCluster(size),
      dataFolder: folder,
      port: 0,
      portFor: links.portFor,
      restartDelay: () => 200,
      signal,
      ...(options.roleCommand !== undefined && { roleCommand: options.roleCommand }),
    });
    connection = await connectNats(cluster.natsUrl, "chaos", createLog("chaos", "silent"), { signal });
    const run = new Run({ options, size, cluster, connection, links, disks, signal, onLine });
    const result = await run.go(plan);
    keepFolder = isBad(result) || options.keep === true;
    return { ...result, seed, folder };
  } finally {
    if (cluster !== undefined && links !== undefined) heal({ cluster, links, disks });
    await connection?.close();
    await cluster?.stop();
    links?.close();
    for (const disk of disks.values()) disk.unmount();
    if (!keepFolder) rmSync(folder, { recursive: true, force: true });
  }
}

export const isBad = ({
  violations,
  troubles,
  outages: found,
}: Pick<ChaosResult, "violations" | "troubles" | "outages">): boolean =>
  violations.some(({ kind }) => kind !== "too early") || troubles.length + found.length > 0;

const linksOf = ({ servers, workers, nats }: Size): number =>
  routers + (servers + workers) * (nats + 1) + nats * (nats - 1);

/** By the names of the nodes whose stores are on them; empty where that is not allowed. */
function mountSmallDisks(folder: string, nodes: number): Map<string, SmallDisk> {
  const disks = new Map<string, SmallDisk>();
  for (let node = 1; node <= nodes; node++) {
    const disk = mountSmallDisk(join(folder, `nats-${node}`), megabytesOfDisk);
    if (disk !== undefined) disks.set(`nats-${node}`, disk);
  }
  return disks;
}

function chatCluster(size: Size) {
  return checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "chaos" },
    spec: {
      nats: { replicas: size.nats, storage: { size: "1Gi" } },
      rooms: { retention: { maxBytes: "512Mi", maxMessagesPerRoom: 100_000 } },
      // Little, so that it can be filled.
      queue: { maxBytes: "256Ki" },
      server: { replicas: size.servers },
      workers: { partitions: 4, minReplicas: size.workers, maxReplicas: Math.max(4, size.workers) },
    },
  });
}

type RunOptions = {
  readonly options: ChaosOptions;
  readonly size: Size;
  readonly cluster: LocalCluster;
  readonly connection: NatsConnection;
  readonly links: Links;
  readonly disks: ReadonlyMap<string, SmallDisk>;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
};

class Run {
  readonly #given: RunOptions;
  readonly #wallStart = Date.now();
  readonly #start = performance.now();
  readonly #recorder: Recorder;
  readonly #clients: ChaosClient[] = [];
  readonly #faults: Fault[] = [];
  readonly #troubles: string[] = [];

  constructor(given: RunOptions) {
    this.#given = given;
    const { cluster } = given;
    this.#recorder = new Recorder(this.#now, (localPort, router) => {
      const [link] = given.links.between(router, "servers");
      return serverOf(cluster.parts("server"), link?.farPort(localPort) ?? 0, cluster.port);
    });
  }

  async go(plan: readonly PlannedFault[]): Promise<Omit<ChaosResult, "seed" | "folder">> {
    const { connection, size } = this.#given;
    try {
      this.#startClients();
      await this.#wait(calm);
      await this.#makeFaults(plan);
      await this.#wait(aftermath);
      const until = this.#now();
      for (const client of this.#clients) client.stopSending();
      await this.#untilQuiet();
      const history = {
        messages: this.#recorder.messages,
        connections: this.#recorder.connections,
        refusedAmong: this.#recorder.refusedAmong,
        logs: await readLogs(connection, this.#wallStart),
      };
      await this.#untilReceived(history);
      await this.#checkUsers();
      this.#given.signal.throwIfAborted();
      const violations = [...check(history), ...forgotten(history, this.#faults)];
      for (const id of this.#recorder.unanswered) this.#troubles.push(`${id} got no outcome within 30 s`);
      for (const { number, gapsTold } of history.connections)
        if (gapsTold > 0) this.#troubles.push(`connection ${number} was told that messages are gone`);
      return {
        faults: this.#faults,
        history,
        violations,
        troubles: this.#troubles,
        outages: outages(this.#faults, this.#clients, size, until),
        pauses: longestPauses(this.#faults, this.#clients, until),
        milliseconds: until,
        startedAt: new Date(this.#wallStart),
      };
    } finally {
      for (const client of this.#clients) client.close();
    }
  }

  readonly #now = (): number => performance.now() - this.#start;

  #say(line: string): void {
    this.#given.onLine(`${(this.#now() / 1000).toFixed(1).padStart(6)} s  ${line}`);
  }

  async #wait(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#given.signal });
  }

  #startClients(): void {
    const { cluster, links, options } = this.#given;
    const { rooms = 6, membersPerRoom = 4 } = options;
    for (let room = 0; room < rooms; room++) {
      for (let member = 0; member < membersPerRoom; member++) {
        const router = `people-${(this.#clients.length % routers) + 1}`;
        this.#clients.push(
          new ChaosClient({
            port: links.portFor(router, "servers", cluster.port),
            router,
            room: `room-${room}`,
            user: `r${room}m${member}`,
            recorder: this.#recorder,
            interval: 250,
            window: 3,
          }),
        );
      }
    }
  }

  async #makeFaults(plan: readonly PlannedFault[]): Promise<void> {
    const { signal, options, ...site } = this.#given;
    const { apart } = options;
    const begun = this.#now();
    const open = new Set<Promise<void>>();
    const flood = (on: boolean): void => {
      for (const client of this.#clients) client.flood(on);
    };
    for (const planned of plan) {
      if (apart === undefined) await this.#wait(Math.max(0, begun + planned.at - this.#now()));
      else await Promise.all(open).then(() => this.#wait(apart));
      const fault: Fault = { ...planned, startedAt: this.#now(), what: planned.kind };
      this.#faults.push(fault);
      const work = makeFault(fault, { ...site, signal, now: this.#now, flood })
        .catch((error: Error) => void this.#troubles.push(`${fault.what}: ${error.message}`))
        .then(() => {
          fault.endedAt = this.#now();
          this.#say(`over: ${fault.what}`);
          open.delete(work);
        });
      open.add(work);
      this.#say(fault.what);
    }
    await Promise.all(open);
    signal.throwIfAborted();
    heal(site);
  }

  /** Every client has its outcomes, the queue is empty, and nothing more is stored. */
  async #untilQuiet(): Promise<void> {
    const { cluster, connection } = this.#given;
    let lastSequence = -1;
    await this.#until("all is quiet", 1000, async () => {
      const busy = this.#clients.filter(({ isQuiet }) => !isQuiet).map(({ user }) => user);
      if (busy.length > 0) return `${busy.join(", ")} wait for the room or for an outcome`;
      const down = cluster.parts().filter(({ isReady }) => !isReady);
      if (down.length > 0) return `${down.map(({ name }) => name).join(", ")} not ready`;
      const state = await queueState(connection);
      if (state.waiting !== undefined) return state.waiting;
      if (state.lastSequence === lastSequence) return undefined;
      lastSequence = state.lastSequence;
      return "messages are still being stored";
    });
  }

  /** Every client that is there has the end of its room's log. */
  async #untilReceived({ logs }: History): Promise<void> {
    await this.#until("everybody has the whole log", 100, async () => {
      const behind = this.#clients.filter(({ connection, room }) => {
        const { received = [], joinedAt } = connection ?? {};
        const last = logs.get(room)?.at(-1);
        if (last === undefined || received.at(-1)?.id === last.id) return false;
        // Whoever joined last may have joined behind the end.
        return received.length > 0 || (this.#recorder.messages.get(last.id)?.sentAt ?? 0) > (joinedAt ?? 0);
      });
      return behind.length === 0 ? undefined : `${behind.map(({ user }) => user).join(", ")} do not`;
    });
  }

  /** Presence has healed too: every room lists its members, and nobody else. */
  async #checkUsers(): Promise<void> {
    await this.#until("every room lists its members", 500, async () => {
      for (const client of this.#clients) {
        const members = this.#clients.filter(({ room }) => room === client.room).map(({ user }) => user);
        const listed = (await client.users())?.sort().join(", ");
        if (listed !== members.sort().join(", ")) return `${client.user} sees ${listed}`;
      }
      return undefined;
    });
  }

  /** Asks until `problem` has none; one that stays is a trouble of the run. */
  async #until(what: string, interval: number, problem: () => Promise<string | undefined>): Promise<void> {
    const deadline = this.#now() + quietLimit;
    for (;;) {
      const found = await problem().catch((error: Error) => error.message);
      if (found === undefined) return this.#say(what);
      if (this.#now() > deadline) {
        this.#troubles.push(`not so within ${quietLimit / 1000} s: ${what} (${found})`);
        return;
      }
      await this.#wait(interval);
    }
  }
}
