import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { statusMetrics } from "../../../src/operator/status-metrics.ts";
import { full, minimal } from "./resources/chat-clusters.ts";

const condition = (type: string, status: "True" | "False") => ({
  type,
  status,
  reason: "Because",
  message: "",
  lastTransitionTime: "2026-01-02T10:00:00Z",
});

/** The samples of the registry, without their comments. */
async function samples(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

test("conditions and pods of every ChatCluster, which go with it", async () => {
  const registry = new Registry();
  let clusters = [
    {
      ...full,
      status: {
        conditions: [condition("Ready", "True"), condition("NATSReady", "False")],
        nats: { readyReplicas: 2, target: 7 },
        redis: { readyReplicas: 1 },
        servers: { readyReplicas: 3 },
        workers: { readyReplicas: 1, desired: 6 },
      },
    },
    // Nobody has looked at it yet.
    minimal,
  ];
  statusMetrics(registry, () => clusters);
  const ofBig = (name: string, label: string, value: number) =>
    `disroom_chatcluster_${name}{namespace="chat",name="big",${label}} ${value}`;
  const found = await samples(registry);
  expect(found.filter((line) => line.includes('"big"'))).toEqual([
    ofBig("condition", 'type="Ready"', 1),
    ofBig("condition", 'type="NATSReady"', 0),
    ofBig("wanted_replicas", 'part="nats"', 7),
    ofBig("wanted_replicas", 'part="redis"', 1),
    ofBig("wanted_replicas", 'part="server"', 4),
    ofBig("wanted_replicas", 'part="worker"', 6),
    ofBig("ready_replicas", 'part="nats"', 2),
    ofBig("ready_replicas", 'part="redis"', 1),
    ofBig("ready_replicas", 'part="server"', 3),
    ofBig("ready_replicas", 'part="worker"', 1),
  ]);
  expect(found).toContain(
    'disroom_chatcluster_wanted_replicas{namespace="chat",name="demo",part="worker"} 1',
  );
  expect(found).toContain('disroom_chatcluster_ready_replicas{namespace="chat",name="demo",part="nats"} 0');
  clusters = [minimal];
  expect((await samples(registry)).join()).not.toContain('"big"');
});
