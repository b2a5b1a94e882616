import { expect, test } from "vitest";
import { differs } from "../../../src/cluster/provision.ts";
import { checkChatCluster } from "../../../src/cluster/spec.ts";
import { consumersOf, streamsOf } from "../../../src/cluster/streams.ts";

const specOf = (spec: unknown) =>
  checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "demo" },
    spec,
  }).spec;

const spec = specOf({
  nats: { replicas: 3 },
  rooms: { retention: { maxAge: "48h", maxBytes: "3Gi", maxMessagesPerRoom: 500 }, compression: true },
  queue: { maxBytes: "1G" },
  workers: { partitions: 3 },
});
const stream = (name: string) => streamsOf(spec).find((candidate) => candidate.name === name);

test("the queue refuses what it has no room for and forgets nothing", () => {
  expect(stream("ChatIngress")).toMatchObject({
    subjects: ["room.global_messages.*"],
    retention: "workqueue",
    storage: "file",
    discard: "new",
    max_bytes: 1_000_000_000,
    max_age: 0,
    num_replicas: 3,
    metadata: { "disroom.io/partitions": "3" },
  });
});

test("the room log keeps what the spec says and republishes what it stores", () => {
  expect(stream("ChatRooms")).toMatchObject({
    subjects: ["room.*"],
    retention: "limits",
    storage: "file",
    discard: "old",
    max_age: 48 * 3600 * 1e9,
    max_bytes: 3 * 2 ** 30,
    max_msgs_per_subject: 500,
    num_replicas: 3,
    allow_direct: true,
    republish: { src: "room.*", dest: "live.{{wildcard(1)}}" },
    compression: "s2",
  });
});

test("dead letters are bounded in size and time", () => {
  expect(stream("ChatDeadLetters")).toMatchObject({
    subjects: ["deadletter.*"],
    discard: "old",
    max_bytes: 64 * 2 ** 20,
    max_age: 30 * 86_400 * 1e9,
    num_replicas: 3,
  });
});

test("each partition has a consumer that hands out one batch at a time, for as long as it takes", () => {
  const consumers = consumersOf(spec);
  expect(consumers.map(({ durable_name, filter_subject }) => [durable_name, filter_subject])).toEqual([
    ["message-processor-0", "room.global_messages.0"],
    ["message-processor-1", "room.global_messages.1"],
    ["message-processor-2", "room.global_messages.2"],
  ]);
  for (const consumer of consumers) {
    expect(consumer).toMatchObject({
      ack_policy: "explicit",
      ack_wait: 3e9,
      max_ack_pending: 1,
      max_deliver: -1,
    });
  }
});

test("only what is wanted is compared with what exists", () => {
  expect(differs({ a: 1, b: ["x"], c: { d: 2 } }, { a: 1, b: ["x"], c: { d: 2, other: 3 }, e: 4 })).toBe(
    false,
  );
  expect(differs({ a: 1 }, { a: 2 })).toBe(true);
  expect(differs({ b: ["x", "y"] }, { b: ["x"] })).toBe(true);
  expect(differs({ b: ["x"] }, { b: ["x", "y"] })).toBe(true);
  expect(differs({ c: { d: 2 } }, {})).toBe(true);
});
