import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { roomsStream } from "../../src/chat/subjects.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { type LocalCluster, startLocalCluster } from "../../src/local/cluster.ts";
import type { RoleCommand } from "../../src/local/parts.ts";
import type { Part } from "../../src/local/supervisor.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { within } from "../../src/platform/within.ts";
import { check, type Violation } from "../chaos/checker.ts";
import { ChaosClient, Recorder } from "../chaos/clients.ts";
import type { History } from "../chaos/history.ts";
import { queueState, readLogs } from "../chaos/logs.ts";
import { serverOf } from "../chaos/server-of.ts";
import { eventually } from "../support/eventually.ts";
import { violationsOf } from "./compare.ts";
import { cutPower, mountPowerDisk, type PowerDisk } from "./disk.ts";

export type PowerFailureOptions = {
  readonly nats: number;
  /** How many NATS nodes lose their power at once; all of them unless it says so. */
  readonly failing?: number;
  /** Whether JetStream waits for the disk before it acknowledges. */
  readonly sync: boolean;
  /** How long members chat before the power fails, after the last time that all was synced. */
  readonly milliseconds: number;
  /** How often the file system puts on the disk what nobody syncs, in seconds; ext4 does so every 5 s. */
  readonly commitInterval?: number;
  /** How servers and workers are run, in place of the sources. */
  readonly roleCommand?: RoleCommand;
  /** Leaves the parts' logs although all went well. */
  readonly keep?: boolean;
  /** Breaks the run off. */
  readonly signal?: AbortSignal;
};

export type PowerFailureResult = {
  /** How many messages their senders saw come back, and how many of them no log holds any more. */
  readonly accepted: number;
  /** Undefined, like `doubled`, where the rooms' logs cannot be read any more. */
  readonly lost: number | undefined;
  readonly doubled: number | undefined;
  /** How many of the accepted were sent when the power was there again. */
  readonly acceptedAfter: number;
  /** Milliseconds from the failure until every member saw a message come back that it sent after it. */
  readonly backAfter: number | undefined;
  /** What must not be, even where messages were lost. */
  readonly violations: readonly Violation[];
  /** What else is wrong, in words. */
  readonly troubles: readonly string[];
  /** Logs of the parts; kept where something was wrong or `keep` was set. */
  readonly folder: string;
};

const megabytesOfDisk = 640;
const rooms = 4;
const membersPerRoom = 3;
/** How long a machine takes to start again, in milliseconds. */
const bootTime = 1000;
/** How long the members chat when the chat works again, in milliseconds. */
const aftermath = 1000;
/** How long anything may take to come back, in milliseconds. */
const patience = 60_000;

/**
 * Runs a cluster whose NATS nodes have disks of their own, lets members chat, takes the power off nodes and
 * their disks, gives it back, and compares what members saw with what the rooms' logs hold. Servers, workers
 * and Redis keep running: they know more than the disks do. Undefined where disks cannot be mounted.
 */
export async function runPowerFailure(options: PowerFailureOptions): Promise<PowerFailureResult | undefined> {
  const signal = options.signal ?? new AbortController().signal;
  const folder = mkdtempSync(join(tmpdir(), "disroom-power-"));
  const disks: PowerDisk[] = [];
  let cluster: LocalCluster | undefined;
  let connection: NatsConnection | undefined;
  let keepFolder = false;
  try {
    for (let node = 1; node <= options.nats; node++) {
      const disk = mountPowerDisk(join(folder, `nats-${node}`), megabytesOfDisk, options.commitInterval);
      if (disk === undefined) return undefined;
      disks.push(disk);
    }
    const troubles: string[] = [];
    cluster = await startLocalCluster({
      cluster: chatCluster(options),
      dataFolder: folder,
      port: 0,
      restartDelay: () => bootTime,
      signal,
      onPart: (part) => {
        if (part.kind !== "nats") part.events.on("exit", () => troubles.push(`${part.name} ended`));
      },
      ...(options.roleCommand !== undefined && { roleCommand: options.roleCommand }),
    });
    connection = await connectNats(cluster.natsUrl, "power", createLog("power", "silent"), { signal });
    const run = new Run(options, cluster, connection, disks, signal, troubles);
    const result = await run.go();
    keepFolder = result.violations.length + troubles.length > 0 || options.keep === true;
    return { ...result, folder };
  } finally {
    await connection?.close();
    await cluster?.stop();
    for (const disk of disks) disk.unmount();
    if (!keepFolder) rmSync(folder, { recursive: true, force: true });
  }
}

function chatCluster({ nats, sync }: PowerFailureOptions) {
  return checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "power" },
    spec: {
      nats: { replicas: nats, storage: { size: "512Mi" }, syncAlways: sync },
      rooms: { retention: { maxBytes: "128Mi" } },
      queue: { maxBytes: "16Mi" },
      server: { replicas: 2 },
      workers: { partitions: 4, minReplicas: 2, maxReplicas: 4 },
    },
  });
}

class Run {
  readonly #options: PowerFailureOptions;
  readonly #cluster: LocalCluster;
  readonly #connection: NatsConnection;
  readonly #disks: readonly PowerDisk[];
  readonly #signal: AbortSignal;
  readonly #troubles: string[];
  readonly #start = performance.now();
  readonly #recorder: Recorder;
  readonly #clients: ChaosClient[] = [];

  constructor(
    options: PowerFailureOptions,
    cluster: LocalCluster,
    connection: NatsConnection,
    disks: readonly PowerDisk[],
    signal: AbortSignal,
    troubles: string[],
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#connection = connection;
    this.#disks = disks;
    this.#signal = signal;
    this.#troubles = troubles;
    this.#recorder = new Recorder(this.#now, (localPort) =>
      serverOf(cluster.parts("server"), localPort, cluster.port),
    );
  }

  async go(): Promise<Omit<PowerFailureResult, "folder">> {
    try {
      this.#startClients();
      await this.#until("everybody chats", () => this.#clients.every(({ echoes }) => echoes.length > 0));
      // What is older is on the disk in any case; what is at stake is said from now on.
      for (const disk of this.#disks) disk.sync();
      await this.#wait(this.#options.milliseconds);
      const failedAt = this.#now();
      await this.#failPower();
      const restoredAt = this.#now();
      await this.#until("everybody chats again", () =>
        this.#clients.every(({ user }) => this.#firstAccepted(user, restoredAt) !== undefined),
      );
      const again = this.#clients.map(({ user }) => this.#firstAccepted(user, restoredAt));
      await this.#wait(aftermath);
      return {
        ...(await this.#compare(restoredAt)),
        backAfter: again.includes(undefined) ? undefined : Math.max(...again.map(Number)) - failedAt,
        troubles: this.#troubles,
      };
    } finally {
      for (const client of this.#clients) client.close();
    }
  }

  readonly #now = (): number => performance.now() - this.#start;

  async #wait(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#signal });
  }

  #startClients(): void {
    for (let number = 0; number < rooms * membersPerRoom; number++) {
      this.#clients.push(
        new ChaosClient({
          port: this.#cluster.port,
          router: "none",
          room: `room-${number % rooms}`,
          user: `member${number}`,
          recorder: this.#recorder,
          interval: 100,
          window: 10,
        }),
      );
    }
  }

  /** Done when the disks are back and the nodes are about to start. */
  async #failPower(): Promise<void> {
    const failing = (await this.#nodes()).slice(0, this.#options.failing);
    const disks = failing.map(({ disk }) => disk);
    const ended = failing.map(({ part }) => once(part.events, "exit"));
    cutPower(disks);
    for (const { part } of failing) part.kill();
    await Promise.all(ended);
    for (const disk of disks) disk.restore();
  }

  /** The NATS nodes with their disks; first the one whose failure asks the most, the leader of ChatRooms. */
  async #nodes(): Promise<{ part: Part; disk: PowerDisk }[]> {
    const manager = await jetstreamManager(this.#connection, { checkAPI: false });
    const leader = (await manager.streams.info(roomsStream)).cluster?.leader;
    return this.#cluster
      .parts("nats")
      .flatMap((part, index) => {
        const disk = this.#disks[index];
        return disk === undefined ? [] : [{ part, disk }];
      })
      .sort((one, other) => Number(other.part.name === leader) - Number(one.part.name === leader));
  }

  /** When this member's first message of those that it sent after `since` came back. */
  #firstAccepted(member: string, since: number): number | undefined {
    for (const { user, sentAt, outcome, outcomeAt } of this.#recorder.messages.values()) {
      if (user === member && sentAt > since && outcome === "accepted") return outcomeAt;
    }
    return undefined;
  }

  /** Waits until all is quiet, and says what became of every message. */
  async #compare(restoredAt: number) {
    for (const client of this.#clients) client.stopSending();
    await this.#until("all is quiet", () => this.#isQuiet());
    const { messages, connections, refusedAmong, unanswered } = this.#recorder;
    const logs = await within(patience, readLogs(this.#connection, Date.now())).catch(() => undefined);
    if (logs === undefined) this.#troubles.push("the rooms' logs cannot be read");
    const history: History = { messages, connections, refusedAmong, logs: logs ?? new Map() };
    await this.#until("everybody has the end of the log", () => this.#haveEnd(history));
    for (const id of unanswered) this.#troubles.push(`${id} got no outcome within 30 s`);
    for (const { number, gapsTold } of connections)
      if (gapsTold > 0) this.#troubles.push(`connection ${number} was told that messages are gone`);

    const accepted = [...messages.values()].filter(({ outcome }) => outcome === "accepted");
    const stored = new Set([...history.logs.values()].flat().map(({ id }) => id));
    const acceptedAfter = accepted.filter(({ sentAt }) => sentAt > restoredAt).length;
    const counts = { accepted: accepted.length, acceptedAfter };
    if (logs === undefined) return { ...counts, lost: undefined, doubled: undefined, violations: [] };
    const lost = accepted.filter(({ id }) => !stored.has(id)).length;
    const violations = lost === 0 ? check(history) : violationsOf(history, restoredAt);
    return {
      ...counts,
      lost,
      doubled: new Set(violations.filter(({ kind }) => kind === "duplicated").map(({ id }) => id)).size,
      violations: violations.filter(({ kind }) => kind !== "too early"),
    };
  }

  async #isQuiet(): Promise<boolean> {
    if (!this.#clients.every(({ isQuiet }) => isQuiet)) throw new Error("members wait for outcomes");
    const down = this.#cluster.parts().filter(({ isReady }) => !isReady);
    if (down.length > 0) throw new Error(`${down.map(({ name }) => name).join(", ")} not ready`);
    const { waiting } = await queueState(this.#connection);
    if (waiting !== undefined) throw new Error(waiting);
    return true;
  }

  #haveEnd({ logs, messages }: History): boolean {
    return this.#clients.every(({ connection, room }) => {
      const last = logs.get(room)?.at(-1);
      const { received = [], joinedAt = 0 } = connection ?? {};
      if (last === undefined || received.some(({ id }) => id === last.id)) return true;
      // Whoever came back late has come behind the end.
      return (messages.get(last.id)?.sentAt ?? 0) < joinedAt;
    });
  }

  /** Waits until it is so; if it never is, that is a trouble of the run. */
  async #until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    try {
      await eventually(
        () => {
          this.#signal.throwIfAborted();
          return condition();
        },
        { milliseconds: patience, interval: 50 },
      );
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#troubles.push(`not so: ${what}: ${(error as Error).message}`);
    }
  }
}
