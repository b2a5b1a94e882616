import { Registry } from "prom-client";
import { expect, test } from "vitest";
import type { NatsHealth } from "../../../src/operator/nats-health.ts";
import { natsHealthMetrics } from "../../../src/operator/nats-health-metrics.ts";

const health: NatsHealth = {
  streams: [
    { name: "ChatIngress", replicasCurrent: 2, replicasWanted: 3, bytes: 10, limitBytes: 100 },
    { name: "ChatRooms", replicasCurrent: 0, replicasWanted: 3, bytes: undefined, limitBytes: 200 },
  ],
  storageBytes: 30,
  storageLimitBytes: 900,
  deadLetters: 4,
};

test("what is known is shown; nothing of what is not, nor of a ChatCluster that is gone", async () => {
  const registry = new Registry();
  const metrics = natsHealthMetrics(registry);
  const samples = async () =>
    (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const demo = { namespace: "chat", name: "demo" };
  const other = { namespace: "chat", name: "other" };
  metrics.set(demo, health);
  metrics.set(other, undefined);
  const of = (name: string, value: number, stream?: string) =>
    `disroom_${name}{namespace="chat",name="demo"${stream ? `,stream="${stream}"` : ""}} ${value}`;
  expect(await samples()).toEqual([
    of("jetstream_up", 1),
    'disroom_jetstream_up{namespace="chat",name="other"} 0',
    of("jetstream_storage_bytes", 30),
    of("jetstream_storage_limit_bytes", 900),
    of("dead_letters", 4),
    of("stream_replicas_current", 2, "ChatIngress"),
    of("stream_replicas_current", 0, "ChatRooms"),
    of("stream_replicas_wanted", 3, "ChatIngress"),
    of("stream_replicas_wanted", 3, "ChatRooms"),
    of("stream_bytes", 10, "ChatIngress"),
    of("stream_limit_bytes", 100, "ChatIngress"),
    of("stream_limit_bytes", 200, "ChatRooms"),
  ]);
  metrics.set(demo, undefined);
  metrics.forget(other);
  expect(await samples()).toEqual([of("jetstream_up", 0)]);
});
