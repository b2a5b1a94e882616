import { once } from "node:events";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { partitionOf } from "../../src/chat/partition.ts";
import { RoomLog } from "../../src/chat/room-log.ts";
import { consumerName, ingressStream, roomSubjects, roomsStream } from "../../src/chat/subjects.ts";
import { parseRoleLine } from "../../src/local/role-log.ts";
import type { Exit } from "../../src/local/supervisor.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import type { ChatClient } from "../support/chat-client.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { BusySender, Outcomes } from "../support/outcomes.ts";
import { logged, partitions } from "../support/producer.ts";

/** How servers and workers end: when they are told to, and when something happens that nobody foresaw. */
const cluster = runCluster({
  spec: { server: { replicas: 2, limits: { messagesPerSecond: 0 } }, workers: { minReplicas: 2 } },
  environment: { NODE_OPTIONS: `--import ${new URL("../support/fail-on-signal.ts", import.meta.url)}` },
});
const workers = ["worker-1", "worker-2"] as const;
const goodbye = "* Server is restarting, please reconnect\n";

let nats: NatsConnection;
let jetstream: JetStreamManager;
let log: RoomLog;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
  jetstream = await jetstreamManager(nats, { checkAPI: false });
  log = new RoomLog(nats, jetstream);
});
afterAll(() => nats?.close());
beforeEach(() =>
  eventually(() => ["server-1", "server-2", ...workers].every((name) => cluster.part(name).isReady), {
    milliseconds: 30_000,
  }),
);

const signal = (part: string, name: NodeJS.Signals): void => {
  process.kill(cluster.part(part).pid ?? expect.fail(`${part} has no process`), name);
};

/** What a part logs from now on, and how it ends. */
function watch(name: string) {
  const { events } = cluster.part(name);
  const lines: string[] = [];
  events.on("line", (line) => lines.push(line));
  const ended = once(events, "exit").then(([exit]) => exit as Exit);
  return {
    lines,
    ended,
    says: (message: string) => eventually(() => lines.some((line) => parseRoleLine(line)?.msg === message)),
  };
}
const gently = expect.objectContaining({ code: 0, signal: null });

const countOf = (text: string, line: string): number =>
  text.split("\n").filter((each) => each === line).length;

describe("a chat server that is told to stop", () => {
  test("under load answers all that it has accepted, says goodbye, and is gone", async () => {
    const rooms = [newRoom(), newRoom()];
    const open = 20;
    const metric = (name: string) => cluster.metric("server-1", `disroom_${name}_total`);
    const before = { accepted: await metric("messages_accepted"), stored: await metric("messages_stored") };
    const join = async (server: string, count: number) => {
      const senders: { room: string; user: string; client: ChatClient }[] = [];
      for (const room of rooms) {
        for (let number = 0; number < count; number++) {
          const user = `${server}.${number}`;
          senders.push({ room, user, client: await cluster.member(room, user, server) });
        }
      }
      return senders;
    };
    const begin = (members: Awaited<ReturnType<typeof join>>) =>
      members.map(({ room, user, client }) => ({ room, sender: new BusySender(client, user, open) }));
    const joined = [await join("server-1", 3), await join("server-2", 2)] as const;
    const [leaving, staying] = [begin(joined[0]), begin(joined[1])];
    await eventually(() =>
      [...leaving, ...staying].every(({ sender }) => sender.outcomes.told.size >= 2 * open),
    );

    // What is open stays so until the workers go on.
    for (const worker of workers) signal(worker, "SIGSTOP");
    const server = watch("server-1");
    let accepted = 0;
    try {
      await eventually(async () => {
        accepted = (await metric("messages_accepted")) - before.accepted;
        const stored = (await metric("messages_stored")) - before.stored;
        expect(accepted - stored).toBe(leaving.length * open);
      });
      signal("server-1", "SIGTERM");
      await server.says("stopping");
      // Somebody who is impatient changes nothing.
      signal("server-1", "SIGTERM");
      // The servers share their port, and the system chooses among those that listen.
      const connections = await metric("connections");
      for (let attempt = 0; attempt < 16; attempt++) (await cluster.connect()).close();
      expect(await metric("connections")).toBe(connections);
      // Somebody who goes on all the same reads the goodbye, too.
      leaving[0]?.sender.client.write(`send too late ${"x".repeat(1000)}\n`.repeat(4000));
    } finally {
      for (const worker of workers) signal(worker, "SIGCONT");
    }

    await Promise.all(leaving.map(({ sender }) => sender.client.ended()));
    expect(await server.ended).toEqual(gently);
    for (const { room, sender } of staying.filter((_, index) => index % 2 === 0)) {
      await sender.stop();
      sender.client.type("users");
      await sender.client.line(`Users in ${room}: server-2.0, server-2.1`);
    }
    await Promise.all(staying.map(({ sender }) => sender.stop()));

    let told = 0;
    for (const { room, sender } of leaving) {
      expect(sender.client.text.endsWith(`\n${goodbye}`), sender.client.text.slice(-300)).toBe(true);
      const outcomes = sender.outcomes.told;
      told += outcomes.size;
      // The oldest ones, without a gap.
      expect([...outcomes.keys()].toSorted()).toEqual(sender.sent.slice(0, outcomes.size).toSorted());
      const own = (await logged(log, room)).filter((text) => text.startsWith(`${sender.user} `));
      expect(new Set(own).size).toBe(own.length);
      expect(own.filter((text) => !outcomes.has(text) || outcomes.get(text) === "not stored")).toEqual([]);
      const echoed = [...outcomes.keys()].filter((text) => outcomes.get(text) === "stored");
      expect(echoed.filter((text) => !own.includes(text))).toEqual([]);
      for (const { sender: other } of staying.filter((each) => each.room === room)) {
        await eventually(() => countOf(other.client.text, `* ${sender.user} left ${room}`) === 1);
        const seen = [...other.client.text.matchAll(/^\[.{8}\] (\S+): (.+)$/gm)].filter(
          ([, user]) => user === sender.user,
        );
        expect(seen.map(([, , text]) => text)).toEqual(own);
      }
    }
    // All that it had accepted, and nothing more.
    expect(told).toBe(accepted);
  });

  test("while NATS stands still tells its members what is open, and goodbye", async () => {
    const room = newRoom();
    const [alice, bob] = [
      await cluster.member(room, "alice", "server-1"),
      await cluster.member(room, "bob", "server-1"),
    ];
    const carol = await cluster.member(room, "carol", "server-2");
    const server = watch("server-1");
    const texts = Array.from({ length: 5 }, (_, number) => `text ${number}`);
    const accepted = () => cluster.metric("server-1", "disroom_messages_accepted_total");
    const before = await accepted();
    signal("nats-1", "SIGSTOP");
    try {
      for (const [index, text] of texts.entries()) {
        alice.type(`send ${text}`);
        await eventually(async () => (await accepted()) === before + index + 1);
      }
      signal("server-1", "SIGTERM");
      await Promise.all([alice.ended(), bob.ended()]);
      expect(await server.ended).toEqual(gently);
    } finally {
      signal("nats-1", "SIGCONT");
    }
    for (const member of [alice, bob]) expect(member.text.endsWith(`\n${goodbye}`), member.text).toBe(true);
    const outcomes = Outcomes.of(alice, "alice", texts).told;
    expect([...outcomes.keys()]).toEqual(texts);
    expect([...outcomes.values()]).not.toContain("stored");
    expect(bob.text).not.toContain("Error");

    // Behind what was on its way, which may appear, once.
    await eventually(
      async () => {
        carol.type("send later");
        const [line] = await carol.line(/^(\[.{8}\] carol: later|Error: message .*)$/);
        return !line.startsWith("Error");
      },
      { milliseconds: 30_000 },
    );
    const appeared = (await logged(log, room)).filter((text) => text !== "later");
    expect(new Set(appeared).size).toBe(appeared.length);
    expect(appeared.filter((text) => outcomes.get(text) !== "not confirmed")).toEqual([]);
    await eventually(() => countOf(carol.text, `* alice left ${room}`) === 1);
  });
});

describe("a worker that is told to stop", () => {
  /** While `work` is under way the partition of `room` gives no batch to anyone else unless it is given back. */
  async function withLongAckWait(room: string, work: () => Promise<void>): Promise<void> {
    const consumer = consumerName(partitionOf(room, partitions));
    const { config } = await jetstream.consumers.info(ingressStream, consumer);
    await jetstream.consumers.update(ingressStream, consumer, { ...config, ack_wait: 600 * 1e9 });
    try {
      await work();
    } finally {
      await jetstream.consumers.update(ingressStream, consumer, config);
    }
  }
  /** From then on ChatRooms takes nothing, or again what is for rooms. */
  const refuse = () => jetstream.streams.update(roomsStream, { subjects: ["nothing"] });
  const accept = () => jetstream.streams.update(roomsStream, { subjects: [roomSubjects] });

  const isAtWork = async (worker: string): Promise<boolean> =>
    (await cluster.metric(worker, "disroom_worker_batches_at_work").catch(() => 0)) > 0;
  /** The worker that has a batch. */
  const atWork = (): Promise<string> =>
    eventually(async () => {
      for (const worker of workers) if (await isAtWork(worker)) return worker;
      return false;
    });
  const logHolds = (room: string, ...texts: string[]) =>
    eventually(async () => expect(await logged(log, room)).toEqual(texts), { milliseconds: 30_000 });

  test("in the middle of a batch finishes it", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice", "server-2");
    await withLongAckWait(room, async () => {
      await refuse();
      alice.type("send one");
      const name = await atWork();
      const worker = watch(name);
      signal(name, "SIGTERM");
      await worker.says("stopping");
      await accept();
      expect(await worker.ended).toEqual(gently);
      // The partition goes on, so the first batch was acked.
      alice.type("send two");
      await logHolds(room, "one", "two");
    });
  });

  test("while nothing can be stored gives its batch back, and another has it at once", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice", "server-2");
    await withLongAckWait(room, async () => {
      await refuse();
      try {
        alice.type("send one");
        const name = await atWork();
        const worker = watch(name);
        signal(name, "SIGTERM");
        expect(await worker.ended).toEqual(gently);
        await atWork();
      } finally {
        await accept();
      }
      alice.type("send two");
      await logHolds(room, "one", "two");
    });
  });

  test("while NATS stands still ends all the same, and another has its batch later", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice", "server-2");
    await refuse();
    try {
      alice.type("send one");
      const name = await atWork();
      const worker = watch(name);
      signal("nats-1", "SIGSTOP");
      try {
        signal(name, "SIGTERM");
        expect(await worker.ended).toEqual(gently);
      } finally {
        signal("nats-1", "SIGCONT");
      }
      await eventually(atWork, { milliseconds: 30_000 });
    } finally {
      await eventually(accept);
    }
    await logHolds(room, "one");
    await eventually(
      async () => {
        alice.type("send two");
        await alice.line(/^(\[.{8}\] alice: two|Error: message .*)$/);
        return alice.text.includes("] alice: two\n");
      },
      { milliseconds: 30_000 },
    );
    expect((await logged(log, room)).filter((text) => text === "one")).toHaveLength(1);
  });
});

// Others than those above, since who was started again and again waits longer for it each time.
describe.each(["server-2", "worker-2"])("%s", (name) => {
  test("stops gently on SIGINT, too", async () => {
    const part = watch(name);
    signal(name, "SIGINT");
    expect(await part.ended).toEqual(gently);
    await part.says("stopped");
  });

  test.each([
    ["an exception", "SIGUSR2", "thrown by a test"],
    ["a promise's rejection", "SIGHUP", "rejected by a test"],
  ] as const)(
    "ends with a line in its log and exit code 1 on %s that nobody caught",
    async (_, cause, text) => {
      const part = watch(name);
      signal(name, cause);
      expect(await part.ended).toMatchObject({ code: 1, signal: null });
      const last = parseRoleLine(part.lines.at(-1) ?? "");
      expect(last).toMatchObject({ level: 60, msg: "unexpected error, exiting", err: { message: text } });
    },
  );
});
