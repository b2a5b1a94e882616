import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RoomLog } from "../../src/chat/room-log.ts";
import { liveSubject, roomsStream } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type Fate, type Frame, NatsFilter } from "../support/nats-filter.ts";
import { logged } from "../support/producer.ts";

/** A server whose NATS node has a copy of ChatRooms that lags: what this node lacks, the stream's leader has. */
const filter = await NatsFilter.open(8);
const lagging = "nats-1";
const isRoute = ({ from, to }: Frame): boolean => from.startsWith("nats") && to.startsWith("nats");
/** Nodes ask any copy of a stream; this one does not hear that others have copies, and asks its own. */
const ownCopyOnly = (frame: Frame): Fate =>
  isRoute(frame) &&
  frame.to === lagging &&
  frame.operation === "RS+" &&
  frame.args.some((word) => word.startsWith(`$JS.API.DIRECT.GET.${roomsStream}`))
    ? "drop"
    : "pass";
filter.rule = ownCopyOnly;
const cluster = runCluster({
  spec: {
    nats: { replicas: 3, storage: { size: "4Gi" } },
    server: { replicas: 2, limits: { messagesPerSecond: 0 } },
  },
  environment: { DISROOM_ROOM_CHECK_INTERVAL: "10m" },
  portFor: (from, to, port) => {
    if (!to.startsWith("nats")) return port;
    // It knows the node that is to lag only.
    if (from === "server-1") return filter.portFor(from, lagging, port);
    return from.startsWith("nats") ? filter.portFor(from, to, port) : port;
  },
});

let nats: NatsConnection;
/** What the node that lags has of the rooms. */
let replica: RoomLog;
beforeAll(async () => {
  const [url = ""] = cluster.natsUrl.split(",");
  nats = await connectNats(url, "test", createLog("test", "error"));
  replica = new RoomLog(nats, await jetstreamManager(nats, { checkAPI: false }));
});
afterAll(async () => {
  await nats?.close();
  filter.close();
});

/** Has another node lead ChatRooms; resolves to the name of the Raft group of its copies. */
async function untilLedElsewhere(): Promise<string> {
  const jetstream = await jetstreamManager(nats, { checkAPI: false });
  return eventually(
    async () => {
      const info = await jetstream.streams.info(roomsStream);
      const { leader, raft_group } = info.cluster as { leader?: string; raft_group?: string };
      if (leader !== undefined && leader !== lagging && raft_group !== undefined) return raft_group;
      await nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${roomsStream}`, "", { timeout: 2000 });
      return false;
    },
    { milliseconds: 60_000, interval: 250 },
  );
}

test("a repair is not kept waiting by a copy that lags, and tells no gap", async () => {
  const room = newRoom();
  const bob = await cluster.member(room, "bob", "server-1");
  const alice = await cluster.member(room, "alice", "server-2");
  await bob.line(`* alice joined ${room}`);
  alice.type("send one");
  await bob.line(/ alice: one$/);
  const group = await untilLedElsewhere();
  await eventually(async () => expect(await logged(replica, room)).toEqual(["one"]));

  const isRaft = (word: string): boolean => word.startsWith("$NRG.") && word.endsWith(`.${group}`);
  let lost = 0;
  filter.rule = (frame) => {
    const { from, to, operation, args, bytes } = frame;
    // The node does not hear from the leader, nor is it heard when it wants to lead.
    if (isRoute(frame) && (from === lagging || to === lagging) && args.some(isRaft)) return "hold";
    if (operation === "HMSG" && to === "server-1" && args[0] === liveSubject(room) && bytes.includes("two")) {
      lost++;
      return "drop";
    }
    return ownCopyOnly(frame);
  };
  alice.type("send two");
  await alice.line(/ alice: two$/);
  await eventually(() => lost > 0);
  expect(await logged(replica, room)).toEqual(["one"]);

  // It shows that one is missing, and what the node has does not say which.
  alice.type("send three");
  expect(await bob.upTo("three\n")).toMatch(/^\[.{8}\] alice: two\n\[.{8}\] alice: three\n$/);
  expect(await logged(replica, room)).toEqual(["one"]);

  filter.rule = ownCopyOnly;
  filter.release();
  await eventually(async () => expect(await logged(replica, room)).toEqual(["one", "two", "three"]), {
    milliseconds: 60_000,
  });
  alice.type("send four");
  expect(await bob.upTo("four\n")).toMatch(/^\[.{8}\] alice: four\n$/);
  expect(await cluster.metric("server-1", "disroom_messages_unavailable_total")).toBe(0);
});
