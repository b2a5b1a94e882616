import { expect, describe as group, test } from "vitest";
import type { ChatClusterStatus } from "../../../../src/cluster/chat-cluster.ts";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import type { ConditionType } from "../../../../src/operator/status/conditions.ts";
import { describe, describePaused, type Seen } from "../../../../src/operator/status/describe.ts";
import { minimal } from "../resources/chat-clusters.ts";

const now = new Date("2026-01-02T03:04:05.678Z");
const cluster = { ...minimal, metadata: { ...minimal.metadata, generation: 7 } };

function workload(replicas: number, readyReplicas = replicas): KubeObject {
  const status = { observedGeneration: 1, replicas, updatedReplicas: replicas, readyReplicas };
  return { apiVersion: "apps/v1", kind: "Any", metadata: { name: "any", generation: 1 }, status };
}
const { nats, server } = cluster.spec;
const well: Seen = {
  nats: workload(nats.replicas),
  redis: workload(1),
  servers: workload(server.replicas),
  workers: workload(2),
  service: {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "demo-server", namespace: "chat" },
    spec: { type: "LoadBalancer", ports: [{ port: 8080 }] },
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.7" }] } },
  },
  pods: [],
  desiredWorkers: 2,
  natsMembers: nats.replicas,
  natsPresent: nats.replicas,
  streams: undefined,
  growing: undefined,
  lag: { lagSeconds: 0.4, lagBytes: 120_832, connections: 1234 },
  problems: [],
};
const find = (status: ChatClusterStatus, type: ConditionType) =>
  status.conditions?.find((condition) => condition.type === type);
const describeWith = (changes: Partial<Seen>, before: ChatClusterStatus = {}) =>
  describe(cluster, before, { ...well, ...changes }, now);

test("where all is well, it says so, and where people connect", () => {
  const status = describeWith({});
  expect(status).toMatchObject({ observedGeneration: 7, endpoint: "203.0.113.7:8080" });
  expect(status.workers).toEqual({
    replicas: 2,
    readyReplicas: 2,
    desired: 2,
    lagBytes: 120_832,
    lagSeconds: 0.4,
  });
  expect(status.servers).toMatchObject({ connections: 1234 });
  expect(find(status, "Ready")).toEqual({
    type: "Ready",
    status: "True",
    reason: "AllReady",
    message: "people can chat",
    observedGeneration: 7,
    lastTransitionTime: "2026-01-02T03:04:05Z",
  });
  expect(find(status, "Progressing")).toMatchObject({ status: "False", reason: "Settled" });
});

group("people can't chat", () => {
  test.each<[string, Partial<Seen>, string, string]>([
    ["without NATS", { nats: undefined }, "NATSNotReady", "there are no NATS nodes yet"],
    [
      "without streams",
      { streams: { reason: "NATSBusy", message: "no leader" } },
      "NATSNotReady",
      "no leader",
    ],
    [
      "without servers",
      { servers: workload(server.replicas, 0) },
      "ServersNotReady",
      `0 of ${server.replicas} chat servers ready`,
    ],
    ["without workers", { workers: workload(2, 0) }, "WorkersNotReady", "0 of 2 queue workers ready"],
    [
      "without an address",
      { service: { ...well.service, status: {} } as KubeObject },
      "NoAddress",
      "the load balancer has no address yet",
    ],
  ])("%s", (_, changes, reason, message) => {
    expect(find(describeWith(changes), "Ready")).toMatchObject({ status: "False", reason, message });
  });
});

test("without Redis people can chat, and it is said", () => {
  const status = describeWith({ redis: workload(1, 0) });
  expect(find(status, "RedisReady")).toMatchObject({ status: "False" });
  const message = "people can chat, but: 0 of 1 Redis servers ready";
  expect(find(status, "Ready")).toMatchObject({ status: "True", reason: "SomeReady", message });
});

test("NATS nodes that vote count before Kubernetes has noticed that they are ready", () => {
  const oneReady = { nats: workload(nats.replicas, 1), natsMembers: 3 };
  expect(find(describeWith({ ...oneReady, natsPresent: 2 }), "NATSReady")).toMatchObject({
    status: "True",
    reason: "SomeReady",
  });
  for (const natsPresent of [1, undefined]) {
    expect(find(describeWith({ ...oneReady, natsPresent }), "NATSReady")).toMatchObject({ status: "False" });
  }
  // As long as only the first has a vote, it is enough.
  expect(find(describeWith({ ...oneReady, natsMembers: 1, natsPresent: 1 }), "Ready")).toMatchObject({
    status: "True",
    message: "people can chat, but: 1 of 3 NATS nodes ready",
  });
});

test("streams that are still to get copies are progress", () => {
  const growing = "stream ChatRooms is to have 3 copies, it has 1";
  const condition = find(describeWith({ growing }), "Progressing");
  expect(condition).toMatchObject({ status: "True", reason: "NATSGrows", message: growing });
});

test("what is refused is told", () => {
  const problems = [{ reason: "Forbidden", message: "exceeded quota" }];
  const condition = find(describeWith({ problems }), "ReconcileSuccess");
  expect(condition).toMatchObject({ status: "False", reason: "Forbidden", message: "exceeded quota" });
});

test("a condition keeps its time as long as its status stays", () => {
  const lastTransitionTime = "2020-01-01T00:00:00Z";
  const before = describeWith({});
  const old = {
    ...before,
    conditions: before.conditions?.map((one) => ({ ...one, lastTransitionTime })) ?? [],
  };
  const after = describeWith({ servers: workload(server.replicas, 0) }, old);
  expect(find(after, "NATSReady")).toMatchObject({ lastTransitionTime });
  expect(find(after, "ServersReady")).toMatchObject({ lastTransitionTime: "2026-01-02T03:04:05Z" });
});

test("a lag that is unknown is told and not shown, and people can chat", () => {
  const before = describeWith({});
  expect(find(before, "LagUnknown")).toMatchObject({ status: "False", reason: "Measured" });
  const lag = { reason: "QueueSilent", message: "the queue does not say what waits in it" };
  const status = describeWith({ lag }, before);
  expect(find(status, "LagUnknown")).toMatchObject({ status: "True", ...lag });
  expect(find(status, "Ready")).toEqual(find(before, "Ready"));
  expect(status.workers).toEqual({ replicas: 2, readyReplicas: 2, desired: 2 });
  expect(status.servers).not.toHaveProperty("connections");
});

test("until the lag is measured the status says what it said before", () => {
  const before = describeWith({});
  expect(describeWith({ lag: undefined }, before)).toEqual(before);
  const unknown = describeWith({ lag: { reason: "QueueSilent", message: "timeout" } });
  expect(describeWith({ lag: undefined }, unknown)).toEqual(unknown);
  expect(find(describeWith({ lag: undefined }), "LagUnknown")).toBeUndefined();
});

test("one that is paused keeps its status and says that it is", () => {
  const before = describeWith({});
  const paused = describePaused(cluster, before, now);
  expect(find(paused, "Ready")).toEqual(find(before, "Ready"));
  expect(find(paused, "Progressing")).toMatchObject({ status: "False", reason: "Paused" });
  expect(find(paused, "LagUnknown")).toMatchObject({ status: "True", reason: "Paused" });
  expect(paused.workers).toEqual({ replicas: 2, readyReplicas: 2, desired: 2 });
  expect(paused.servers).not.toHaveProperty("connections");
  expect(paused.conditions).toHaveLength(before.conditions?.length ?? 0);
});
