import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { liveSubject, roomSubject, roomsStream } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import type { ChatClient } from "../support/chat-client.ts";
import { newRoom, runCluster, type TestCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type Fate, type Frame, NatsFilter } from "../support/nats-filter.ts";

/** Live messages that get lost between NATS and a server, while all else arrives. */
const filter = await NatsFilter.open(4);
afterAll(() => filter.close());

/** Comparisons of rooms with their logs that servers have asked for. */
const comparisons: Frame[] = [];
const passing = (frame: Frame): Fate => {
  const isComparison =
    frame.args[0] === `$JS.API.DIRECT.GET.${roomsStream}` && frame.bytes.includes("multi_last");
  if (isComparison) comparisons.push(frame);
  return "pass";
};
filter.rule = passing;
afterEach(() => {
  filter.rule = passing;
  filter.refused.clear();
});

/** The filter serves two clusters, one after the other, and tells their servers apart. */
const linkName = (server: string, interval: string): string => `${server} ${interval}`;

const clusterOf = (interval: string) =>
  runCluster({
    spec: { server: { replicas: 2, limits: { messagesPerSecond: 0 } } },
    environment: { DISROOM_ROOM_CHECK_INTERVAL: interval },
    portFor: (from, to, port) =>
      from.startsWith("server") && to.startsWith("nats")
        ? filter.portFor(linkName(from, interval), to, port)
        : port,
  });
const servers = ["server-1", "server-2"] as const;

type Condition = (frame: Frame) => boolean;

const isTo =
  (server: string): Condition =>
  ({ to }) =>
    to.startsWith(`${server} `);
const isLive =
  (room: string, text = ""): Condition =>
  ({ operation, args, bytes }) =>
    operation === "HMSG" && args[0] === liveSubject(room) && bytes.includes(text);
const isNotice: Condition = ({ operation, args }) =>
  operation === "MSG" && args[0]?.startsWith("stored.") === true;

/** Loses such frames from now on; what was lost is in the result. */
function lose(condition: Condition): Frame[] {
  const lost: Frame[] = [];
  filter.rule = (frame) => {
    if (!condition(frame)) return passing(frame);
    lost.push(frame);
    return "drop";
  };
  return lost;
}

/** Alice, who sends, and Bob on one server, Carol on the other; nothing that they share is under way any more. */
async function roomOfThree(cluster: TestCluster) {
  const room = newRoom();
  const alice = await cluster.member(room, "alice", "server-1");
  const bob = await cluster.member(room, "bob", "server-1");
  const carol = await cluster.member(room, "carol", "server-2");
  for (const member of [alice, bob]) await member.line(`* carol joined ${room}`);
  // Servers look a second time at a room that they have opened; that would find what is lost now.
  const isSettled = (server: string): boolean =>
    comparisons.some(
      ({ from, bytes }) => from.startsWith(server) && bytes.includes(`"${roomSubject(room)}"`),
    );
  await eventually(() => servers.every(isSettled));
  return { room, alice, bob, carol, all: [alice, bob, carol] };
}

/** Every one of them is shown exactly these lines next, be they texts of messages or notes. */
async function expectShown(members: readonly ChatClient[], ...texts: string[]): Promise<void> {
  for (const member of members) {
    const shown = await member.upTo(`${texts.at(-1)}\n`);
    expect(shown.trimEnd().split("\n").map(textOf)).toEqual(texts);
  }
}
const textOf = (line: string): string => line.replace(/^\[.{8}\] \w+: /, "");
const unavailable = "* Some messages are no longer available";

describe("where rooms are compared with their logs once in ten minutes", () => {
  const cluster = clusterOf("10m");
  let nats: NatsConnection;
  beforeAll(async () => {
    nats = await connectNats(cluster.natsUrl, "test", createLog("test", "error"));
  });
  afterAll(() => nats?.close());

  const metrics = (name: string): Promise<number[]> =>
    Promise.all(servers.map((server) => cluster.metric(server, `disroom_${name}`)));
  const purge = async (room: string, keep?: number): Promise<void> => {
    const jetstream = await jetstreamManager(nats);
    await jetstream.streams.purge(roomsStream, {
      filter: roomSubject(room),
      ...(keep !== undefined && { keep }),
    });
  };

  test("a live message that is lost in the middle of a burst is there when the next one comes", async () => {
    const { room, alice, all } = await roomOfThree(cluster);
    const before = await metrics("gap_repairs_total");
    const lost = lose((frame) => isLive(room, "two")(frame) || isNotice(frame));
    alice.type("send one");
    await expectShown(all, "one");
    alice.type("send two");
    for (const server of servers)
      await eventually(() => lost.some((frame) => isTo(server)(frame) && !isNotice(frame)));
    alice.type("send three", "send four");
    await expectShown(all, "two", "three", "four");
    const after = await metrics("gap_repairs_total");
    for (const [index, count] of after.entries()) expect(count).toBeGreaterThan(before[index] as number);
    alice.type("send end");
    await expectShown(all, "end");
  });

  test("the last live message of a burst that is lost is there when the worker says that it is stored", async () => {
    const { room, alice, bob, carol, all } = await roomOfThree(cluster);
    const lost = lose((frame) => isTo("server-1")(frame) && isLive(room, "last")(frame));
    alice.type("send one", "send two", "send last");
    await expectShown([alice, bob, carol], "one", "two", "last");
    expect(lost).toHaveLength(1);
    alice.type("send end");
    await expectShown(all, "end");
  });

  test("all live messages while a server is cut off from NATS are there when it is back", async () => {
    const { alice, bob, carol, all } = await roomOfThree(cluster);
    const server = linkName("server-1", "10m");
    filter.refused.add(server);
    filter.cut(server);
    carol.type("send one");
    await expectShown([carol], "one");
    carol.type("send two", "send three");
    await expectShown([carol], "two", "three");
    filter.refused.delete(server);
    await expectShown([alice, bob], "one", "two", "three");
    carol.type("send end");
    await expectShown(all, "end");
  });

  test("what retention has removed before it could be read is told in its place, once", async () => {
    const { room, alice, bob, carol, all } = await roomOfThree(cluster);
    const before = await metrics("messages_unavailable_total");
    lose((frame) => isTo("server-2")(frame) && isLive(room)(frame));
    for (const text of ["one", "two", "three"]) {
      alice.type(`send ${text}`);
      await expectShown([alice, bob], text);
    }
    await purge(room, 1);
    filter.rule = passing;
    alice.type("send four");
    await expectShown([alice, bob], "four");
    await expectShown([carol], unavailable, "three", "four");
    alice.type("send end");
    await expectShown(all, "end");
    expect(await metrics("messages_unavailable_total")).toEqual([before[0], (before[1] as number) + 1]);
  });

  test("what retention has removed is told also where nothing is left of the room", async () => {
    const { room, alice, bob, carol, all } = await roomOfThree(cluster);
    const before = await metrics("messages_unavailable_total");
    const held: Frame[] = [];
    filter.rule = (frame) => {
      if (isTo("server-1")(frame) && isLive(room)(frame)) return "drop";
      if (!isNotice(frame)) return "pass";
      held.push(frame);
      return "hold";
    };
    alice.type("send one");
    await expectShown([carol], "one");
    await eventually(() => held.length > 0);
    await purge(room);
    filter.rule = passing;
    filter.release();
    await expectShown([alice, bob], unavailable);
    carol.type("send two", "send end");
    await expectShown(all, "two", "end");
    expect(await metrics("messages_unavailable_total")).toEqual([(before[0] as number) + 1, before[1]]);
  });
});

describe("where rooms are compared with their logs all the time", () => {
  const cluster = clusterOf("100ms");

  test("the last live message of a burst is there though word of its being stored is lost too", async () => {
    const { room, alice, all } = await roomOfThree(cluster);
    const lost = lose((frame) => isLive(room, "last")(frame) || isNotice(frame));
    alice.type("send one", "send two", "send last");
    await expectShown(all, "one", "two", "last");
    for (const server of servers)
      await eventually(() => lost.some((frame) => isTo(server)(frame) && !isNotice(frame)));
    await eventually(() => lost.some(isNotice));
    filter.rule = passing;
    alice.type("send end");
    await expectShown(all, "end");
  });
});
