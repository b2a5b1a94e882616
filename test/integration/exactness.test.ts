import { once } from "node:events";
import { jetstreamManager, type StoredMsg } from "@nats-io/jetstream";
import { type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BatchId, formatBatchId, newIncarnation } from "../../src/chat/batch.ts";
import { encodeMessage } from "../../src/chat/message.ts";
import { partitionOf } from "../../src/chat/partition.ts";
import { decodeProducers, encodeProducers, withBatch } from "../../src/chat/producers.ts";
import { RoomLog } from "../../src/chat/room-log.ts";
import {
  deadLetterStream,
  deadLetterSubject,
  headers,
  ingressStream,
  ingressSubject,
  roomSubject,
} from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { logged, Producer, partitions, roomsOfOnePartition } from "../support/producer.ts";

/** What the queue and the rooms make of batches that are sent twice, late, broken, or while something dies. */
const cluster = runCluster({
  spec: {
    server: { replicas: 1, limits: { messagesPerSecond: 0 } },
    workers: { minReplicas: 2 },
    queue: { maxBytes: "1Mi" },
  },
});
const workers = ["worker-1", "worker-2"] as const;

let nats: NatsConnection;
let log: RoomLog;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "error"));
  log = new RoomLog(nats, await jetstreamManager(nats, { checkAPI: false }));
});
afterAll(() => nats?.close());
beforeEach(() => eventually(() => cluster.part("worker-1").isReady && cluster.part("worker-2").isReady));

const workerSum = async (name: string): Promise<number> =>
  (await Promise.all(workers.map((worker) => cluster.metric(worker, `disroom_worker_${name}`)))).reduce(
    (sum, value) => sum + value,
  );
const signal = (part: string, name: NodeJS.Signals): void => {
  process.kill(cluster.part(part).pid ?? expect.fail(), name);
};
const killAndWait = async (part: string): Promise<void> => {
  const back = once(cluster.part(part).events, "ready");
  cluster.part(part).kill();
  await back;
};
/** What a part logs from now on. */
function logOf(...parts: string[]): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  for (const part of parts)
    cluster.part(part).events.on("line", (line) => line.startsWith("{") && lines.push(JSON.parse(line)));
  return lines;
}

/** The dead letter of the message that had this sequence under this subject. */
const deadLetterOf = (subject: string, sequence: number): Promise<StoredMsg> =>
  eventually(async () => {
    const jetstream = await jetstreamManager(nats, { checkAPI: false });
    const { first_seq, last_seq } = (await jetstream.streams.info(deadLetterStream)).state;
    for (let seq = first_seq; seq <= last_seq; seq++) {
      const letter = await jetstream.streams.getMessage(deadLetterStream, { seq });
      const all = letter?.header;
      if (all?.get("Disroom-Subject") === subject && all.get("Disroom-Sequence") === String(sequence))
        return letter as StoredMsg;
    }
    return false;
  });

describe("a batch that is sent again", () => {
  test("is stored once, though nats-server was killed and has forgotten it", async () => {
    const room = newRoom();
    const member = await cluster.member(room, "alice");
    const producer = new Producer(nats);
    await producer.send(1, { [room]: ["one"] });
    await producer.notice(1);
    await killAndWait("nats-1");
    await producer.send(1, { [room]: ["one"] });
    await producer.notice(1, 2);
    await producer.send(2, { [room]: ["two"] });
    await producer.notice(2);
    expect(await logged(log, room)).toEqual(["one", "two"]);
    await member.line(/robot: one$/);
    expect(await member.upTo("two\n")).toMatch(/^\[.{8}\] robot: two\n$/);
  });

  test("late, between other producers' batches, is stored once and in its producer's order", async () => {
    const room = newRoom();
    const [a, b] = [new Producer(nats), new Producer(nats)];
    await a.send(1, { [room]: ["a1"] });
    await b.send(1, { [room]: ["b1"] });
    await a.send(2, { [room]: ["a2"] });
    await b.send(2, { [room]: ["b2"] });
    await a.send(1, { [room]: ["a1"] });
    await b.send(1, { [room]: ["b1"] });
    await a.send(3, { [room]: ["a3"] });
    await a.notice(3);
    await b.notice(1, 2);
    expect(await logged(log, room)).toEqual(["a1", "b1", "a2", "b2", "a3"]);
  });

  test("after a foreign message in the room is stored once all the same", async () => {
    const room = newRoom();
    const producer = new Producer(nats);
    await producer.send(1, { [room]: ["one"] });
    await producer.notice(1);
    await nats.request(roomSubject(room), "not a chat message");
    await producer.send(1, { [room]: ["one"] });
    await producer.notice(1, 2);
    const sections = await log.from(room, 1);
    expect(sections.filter(({ batch }) => batch !== undefined)).toHaveLength(1);
  });
});

describe("a worker", () => {
  test("that is killed in the middle of a batch leaves it to the next one, which completes it", async () => {
    const rooms = roomsOfOnePartition(400);
    const producer = new Producer(nats);
    const send = (counter: number, text: string): Promise<BatchId> =>
      producer.send(counter, Object.fromEntries(rooms.map((room) => [room, [text]])));
    await send(1, "before");
    await producer.notice(1);

    const firstStored = Promise.withResolvers<void>();
    nats.subscribe(`live.${rooms[0]}`, { max: 1, callback: () => firstStored.resolve() });
    await nats.flush();
    await send(2, "after");
    await firstStored.promise;
    for (const worker of workers) cluster.part(worker).kill();
    await producer.notice(2);
    for (const room of rooms) expect(await logged(log, room), room).toEqual(["before", "after"]);
  });

  test("that is frozen with a batch for longer than ack_wait stores nothing twice when it wakes up", async () => {
    const room = newRoom();
    const producer = new Producer(nats);
    const texts: string[] = [];
    const send = async (): Promise<void> => {
      texts.push(`text ${texts.length + 1}`);
      await producer.send(texts.length, { [room]: [texts.at(-1) as string] });
      await producer.notice(texts.length);
    };
    const redeliveries = (): Promise<number> =>
      cluster.metric("worker-1", "disroom_worker_redeliveries_total");
    // The room's log, or another worker's notice, has told it that the room has its part.
    const heldAlready = (): Promise<number> =>
      cluster.metric("worker-2", "disroom_worker_held_already_total");
    // Both know the room.
    await send();
    const before = { redeliveries: await redeliveries(), heldAlready: await heldAlready() };

    signal("worker-2", "SIGSTOP");
    // Its pull is still open: one of the next batches is handed to it, and to the other one when it is late.
    while ((await redeliveries()) === before.redeliveries) await send();
    await send();
    signal("worker-2", "SIGCONT");
    await eventually(async () => (await heldAlready()) > before.heldAlready);
    await send();
    expect(await logged(log, room)).toEqual(texts);
  });

  test("that stored a batch late and without a word is found out by the fence", async () => {
    const room = newRoom();
    const producer = new Producer(nats);
    await producer.send(1, { [room]: ["one"] });
    const [, sequence, producers] = (await producer.notice(1)).rooms[0] ?? expect.fail();
    const refusals = await workerSum("fence_refusals_total");

    // What a worker does that was frozen between its last look at the room and its publish.
    const id = { producer: producer.incarnation, partition: partitionOf(room, partitions), counter: 2 };
    const late = newHeaders();
    late.set("Nats-Expected-Last-Subject-Sequence", String(sequence));
    late.set(headers.batch, formatBatchId(id));
    late.set(
      headers.producers,
      encodeProducers(withBatch(decodeProducers(producers) ?? expect.fail(), id, Date.now())),
    );
    const line = encodeMessage(room, "robot", "two", new Date().toISOString());
    await nats.request(roomSubject(room), line, { headers: late, timeout: 1000 });

    await producer.send(2, { [room]: ["two"] });
    await producer.notice(2);
    await producer.send(3, { [room]: ["three"] });
    await producer.notice(3);
    expect(await logged(log, room)).toEqual(["one", "two", "three"]);
    expect(await workerSum("fence_refusals_total")).toBe(refusals + 1);
  });
});

test("a batch for many rooms that many servers have sent to is told in parts, and ends", async () => {
  const rooms = roomsOfOnePartition(1000);
  // What 40 servers leave in each room's last message: some 1.3 MB in all, and NATS takes 1 MiB at a time.
  const others = new Map(
    Array.from({ length: 40 }, () => [newIncarnation(), { counter: 1, ingressTime: Date.now() }] as const),
  );
  const [first = ""] = others.keys();
  const partition = partitionOf(rooms[0] ?? "", partitions);
  const earlier = newHeaders();
  earlier.set(headers.batch, formatBatchId({ producer: first, partition, counter: 1 }));
  earlier.set(headers.producers, encodeProducers(others));
  for (let start = 0; start < rooms.length; start += 100) {
    await Promise.all(
      rooms.slice(start, start + 100).map((room) => {
        const line = encodeMessage(room, "robot", "before", new Date().toISOString());
        return nats.request(roomSubject(room), line, { headers: earlier, timeout: 10_000 });
      }),
    );
  }
  const restarts = workers.map((worker) => cluster.part(worker).pid);
  const producer = new Producer(nats);
  await producer.send(1, Object.fromEntries(rooms.map((room) => [room, ["after"]])));
  await eventually(() => producer.roomsTold(1).length === rooms.length, { milliseconds: 60_000 });
  expect(new Set(producer.roomsTold(1))).toEqual(new Set(rooms));
  await producer.send(2, { [rooms[0] ?? ""]: ["next"] });
  await producer.notice(2);
  expect(await logged(log, rooms[0] ?? "")).toEqual(["before", "after", "next"]);
  expect(workers.map((worker) => cluster.part(worker).pid)).toEqual(restarts);
});

describe("the queue", () => {
  test("refuses when it is full, and forgets nothing", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    for (const worker of workers) signal(worker, "SIGSTOP");
    const text = "x".repeat(4000);
    let accepted = 0;
    try {
      // Batches of one, so that they enter the queue one by one: 1 MiB is full after some 240.
      alice.type(...Array.from({ length: 400 }, (_, number) => `send ${number} ${text}`));
      await alice.line("Error: message not stored: the message queue is full, try again later");
    } finally {
      for (const worker of workers) signal(worker, "SIGCONT");
    }
    alice.type("history");
    await alice.line(/^\[\d{4}-/);
    const errors = alice.text.split("\n").filter((line) => line.startsWith("Error: message not stored"));
    const echoes = [...alice.text.matchAll(/^\[\d\d:\d\d:\d\d\] alice: (\d+) x+$/gm)].map((match) =>
      Number(match[1]),
    );
    accepted = echoes.length;
    expect(errors.length + accepted).toBe(400);
    expect(accepted).toBeGreaterThan(0);
    expect((await logged(log, room)).map((line) => Number(line.split(" ")[0]))).toEqual(echoes);
    expect(echoes).toEqual([...echoes].sort((a, b) => a - b));
  });

  test("sets aside what cannot be routed, and goes on with the next", async () => {
    const jetstream = await jetstreamManager(nats);
    const before = (await jetstream.streams.info(deadLetterStream)).state.messages;
    const room = newRoom();
    const partition = partitionOf(room, partitions);
    await nats.request(ingressSubject(partition), "poison without a batch id");
    const producer = new Producer(nats);
    await producer.send(1, { [room]: ["one"] }, Date.now() - 31 * 60_000);
    const refused = await producer.notice(1);
    expect(refused.refused?.[0]?.[1]).toContain("30 minutes");
    await producer.send(2, { [room]: ["two"] });
    await producer.notice(2);
    expect(await logged(log, room)).toEqual(["two"]);
    expect((await jetstream.streams.info(deadLetterStream)).state.messages).toBe(before + 2);
    expect(await workerSum("dead_letters_total")).toBeGreaterThan(0);
    // Its ack is on its way.
    await eventually(async () =>
      expect((await jetstream.streams.info(ingressStream)).state.messages).toBe(0),
    );
  });
});

describe("a dead letter", () => {
  const odd = newHeaders();
  odd.set("X-From", "elsewhere");
  odd.append("X-From", "and beyond");
  odd.set("Disroom-Batch", "no batch id");

  test("of a batch says why, holds all that it was, and is told in the log", async () => {
    const lines = logOf(...workers);
    const subject = ingressSubject(7);
    const answer = await nats.request(subject, "poison", { headers: odd, timeout: 1000 });
    const { seq } = answer.json<{ seq: number }>();
    const letter = await deadLetterOf(subject, seq);
    expect(letter.subject).toBe("deadletter.queue");
    expect(letter.string()).toBe("poison");
    expect(letter.header?.get(headers.reason)).toBe("it carries no batch id");
    expect(letter.header?.values("X-From")).toEqual(["elsewhere", "and beyond"]);
    expect(letter.header?.get(headers.batch)).toBe("no batch id");
    await eventually(() =>
      expect(lines).toContainEqual(
        expect.objectContaining({ msg: "set a batch aside as a dead letter", subject, sequence: seq }),
      ),
    );
  });

  test("of a batch can be put back under a new id", async () => {
    const room = newRoom();
    const lost = new Producer(nats);
    await lost.send(1, { [room]: ["one", "two"] }, Date.now() - 31 * 60_000);
    await lost.notice(1);
    const jetstream = await jetstreamManager(nats, { checkAPI: false });
    const letter = await jetstream.streams.getMessage(deadLetterStream, {
      last_by_subj: deadLetterSubject("queue"),
    });
    const subject = letter?.header?.get("Disroom-Subject") ?? expect.fail();
    const again = new Producer(nats);
    const all = newHeaders();
    for (const name of letter?.header?.keys() ?? []) all.set(name, letter?.header?.get(name) ?? "");
    const id = { producer: again.incarnation, partition: partitionOf(room, partitions), counter: 1 };
    all.set(headers.batch, formatBatchId(id));
    all.set(headers.created, String(Date.now()));
    await nats.request(subject, letter?.data, { headers: all, timeout: 1000 });
    await again.notice(1);
    expect(await logged(log, room)).toEqual(["one", "two"]);
  });

  test("of a message in a room says why, holds all that it was, and is told in the log", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const lines = logOf("server-1");
    const subject = roomSubject(room);
    const before = await cluster.metric("server-1", "disroom_foreign_messages_total");
    const answer = await nats.request(subject, "not a chat message", { headers: odd, timeout: 1000 });
    const { seq } = answer.json<{ seq: number }>();
    const letter = await deadLetterOf(subject, seq);
    expect(letter.subject).toBe("deadletter.rooms");
    expect(letter.string()).toBe("not a chat message");
    expect(letter.header?.get(headers.reason)).toBe("it is not of a chat server's making");
    expect(letter.header?.values("X-From")).toEqual(["elsewhere", "and beyond"]);
    expect(letter.header?.get(headers.batch)).toBe("no batch id");
    expect(await cluster.metric("server-1", "disroom_foreign_messages_total")).toBe(before + 1);
    await eventually(() =>
      expect(lines).toContainEqual(
        expect.objectContaining({ msg: "passed over a message in a room", room, sequence: seq }),
      ),
    );
    alice.type("send after");
    expect(await alice.upTo("after\n")).toMatch(/^\[.{8}\] alice: after\n$/);
  });
});

describe("a room's log", () => {
  test("that holds a foreign message goes on behind it, and says so", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    alice.type("send one");
    await alice.line(/alice: one$/);
    await nats.request(roomSubject(room), "not a chat message");
    alice.type("send two", "history");
    await alice.line(/^\[\d\d:\d\d:\d\d\] alice: two$/);
    expect(await alice.upTo("alice: two\n")).toMatch(/^\[.{19}\] alice: one\n\[.{19}\] alice: two\n$/);
    expect(await cluster.metric("server-1", "disroom_foreign_messages_total")).toBeGreaterThan(0);
  });

  test("that is purged under its members goes on", async () => {
    const jetstream = await jetstreamManager(nats);
    const room = newRoom();
    const [alice, bob] = [await cluster.member(room, "alice"), await cluster.member(room, "bob")];
    alice.type("send before");
    await bob.line(/before$/);
    await jetstream.streams.purge("ChatRooms");
    alice.type("send after", "history");
    expect(await bob.upTo("after\n")).toMatch(/^\[.{8}\] alice: after\n$/);
    await alice.line(/^\[.{19}\] alice: after$/);
    expect(alice.text).not.toMatch(/\[.{19}\] alice: before/);
  });

  test("that is deleted and made anew under its members goes on", async () => {
    const jetstream = await jetstreamManager(nats);
    const room = newRoom();
    const [alice, bob] = [await cluster.member(room, "alice"), await cluster.member(room, "bob")];
    for (const text of ["one", "two", "three"]) {
      alice.type(`send ${text}`);
      await bob.line(new RegExp(`alice: ${text}$`));
    }
    const { config } = await jetstream.streams.info("ChatRooms");
    await jetstream.streams.delete("ChatRooms");
    await jetstream.streams.add(config);
    alice.type("send four");
    await alice.line(/alice: four$/);
    alice.type("send five");
    expect(await bob.upTo("five\n")).toMatch(/^\[.{8}\] alice: four\n\[.{8}\] alice: five\n$/);
  });
});

test("who cannot join another room, since NATS is away, stays where it is", async () => {
  const [room, other] = [newRoom(), newRoom()];
  const alice = await cluster.member(room, "alice");
  signal("nats-1", "SIGSTOP");
  try {
    alice.type(`join ${other} alice`);
    await alice.line(`Error: cannot join ${other} right now, the message store does not answer`);
  } finally {
    signal("nats-1", "SIGCONT");
  }
  alice.type("users");
  await alice.line(`Users in ${room}: alice`);
  // What could not be opened can be, now.
  await eventually(async () => {
    alice.type(`join ${other} alice`);
    const [line] = await alice.line(/^(Joined room|Error: cannot join)/);
    return line.startsWith("Joined");
  });
});
