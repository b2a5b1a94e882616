import { once } from "node:events";
import { jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../src/chat/partition.ts";
import { RoomLog } from "../../src/chat/room-log.ts";
import { consumerName, headers, ingressStream, roomSubject, roomsStream } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { NatsFilter } from "../support/nats-filter.ts";
import { logged, Producer, partitions, roomsOfOnePartition } from "../support/producer.ts";

/** A batch of which a worker has stored a part when it is gone, and nobody comes for longer than any window. */
const filter = await NatsFilter.open(1);
const cluster = runCluster({
  portFor: (from, to, port) => (from === "worker-1" ? filter.portFor(from, to, port) : port),
});

let nats: NatsConnection;
let log: RoomLog;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "error"));
  log = new RoomLog(nats, await jetstreamManager(nats, { checkAPI: false }));
});
afterAll(async () => {
  await nats?.close();
  filter.close();
});

/** Until JetStream would take the id of a message that it took after all others for a new one. */
async function untilIdsAreForgotten(): Promise<void> {
  const jetstream = await jetstreamManager(nats, { checkAPI: false });
  for (const name of [ingressStream, roomsStream]) {
    const { config } = await eventually(() => jetstream.streams.info(name));
    await jetstream.streams.update(name, { ...config, duplicate_window: 100 * 1_000_000 });
  }
  const probe = newRoom();
  const all = newHeaders();
  all.set("Nats-Msg-Id", probe);
  let published = 0;
  await eventually(async () => {
    const answer = await nats.request(roomSubject(probe), "probe", { headers: all, timeout: 1000 });
    const { seq, duplicate } = answer.json<{ seq?: number; duplicate?: boolean }>();
    return seq !== undefined && duplicate !== true && ++published > 1;
  });
}

/** Until JetStream hands a partition's batch out again; it is given back. */
async function untilHandedOutAgain(partition: number): Promise<void> {
  await eventually(
    async () => {
      const answer = await nats.request(
        `$JS.API.CONSUMER.MSG.NEXT.${ingressStream}.${consumerName(partition)}`,
        JSON.stringify({ batch: 1, expires: 500 * 1_000_000 }),
        // It comes under its own subject, by which a shared inbox would not know it.
        { timeout: 2000, noMux: true },
      );
      return answer.headers?.has(headers.batch) === true && answer.respond("-NAK");
    },
    { milliseconds: 30_000 },
  );
}

test("a batch that a worker left half stored is completed after any window, each part once", async () => {
  const rooms = roomsOfOnePartition(40);
  const [early, late] = [rooms.slice(0, 20), rooms.slice(20)];
  const [alice, bob] = [
    await cluster.member(early[0] as string, "alice"),
    await cluster.member(late[0] as string, "bob"),
  ];
  const producer = new Producer(nats);
  const send = (counter: number, text: string) =>
    producer.send(counter, Object.fromEntries(rooms.map((room) => [room, [text]])));
  await send(1, "before");
  await producer.notice(1);

  const tooLate = new Set(late.map(roomSubject));
  const lost = new Set<string>();
  filter.rule = ({ operation, args: [subject = ""] }) => {
    if (operation !== "HPUB" || !tooLate.has(subject)) return "pass";
    lost.add(subject);
    return "drop";
  };
  await send(2, "after");
  await eventually(() => lost.size === late.length);
  await eventually(async () => {
    for (const room of early) expect(await logged(log, room)).toEqual(["before", "after"]);
  });
  await cluster.loseWorker(1);
  for (const room of late) expect(await logged(log, room)).toEqual(["before"]);

  const back = once(cluster.part("nats-1").events, "ready");
  cluster.part("nats-1").kill();
  await back;
  await untilIdsAreForgotten();
  await untilHandedOutAgain(partitionOf(early[0] as string, partitions));
  for (const room of late) expect(await logged(log, room)).toEqual(["before"]);

  filter.rule = () => "pass";
  await cluster.addWorker();
  await producer.notice(2);
  for (const room of rooms) expect(await logged(log, room), room).toEqual(["before", "after"]);
  // What others still send comes behind it.
  await send(3, "next");
  await producer.notice(3);
  for (const member of [alice, bob]) {
    const texts = [...(await member.upTo("next\n")).matchAll(/robot: (\w+)\n/g)].map(([, text]) => text);
    expect(texts).toEqual(["before", "after", "next"]);
  }
});
