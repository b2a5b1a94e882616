import { expect, describe as group, test } from "vitest";
import type { ChatClusterStatus } from "../../../../src/cluster/chat-cluster.ts";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import type { ConditionType } from "../../../../src/operator/status/conditions.ts";
import { describe, describePaused, type Seen } from "../../../../src/operator/status/describe.ts";
import { pausedLag } from "../../../../src/operator/status/lag.ts";
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
  obstacle: undefined,
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
    ["without a Service", { service: undefined }, "NoAddress", "there is no Service yet"],
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

group("new chat servers that do not come up while the old ones serve", () => {
  const pods = [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "demo-server-x", labels: { "app.kubernetes.io/component": "server" } },
      status: { containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff" } } }] },
    },
  ];
  const rolling = (conditions: object[] = []): KubeObject => ({
    ...workload(server.replicas),
    status: {
      ...(workload(server.replicas).status as object),
      replicas: server.replicas + 1,
      updatedReplicas: 1,
      conditions,
    },
  });
  const told = `${server.replicas} of ${server.replicas} chat servers ready, but new ones do not come up: demo-server-x: ImagePullBackOff`;

  test("people can chat, but", () => {
    const status = describeWith({ servers: rolling(), pods });
    const ready = { status: "True", reason: "RolloutWaits", message: `people can chat, but: ${told}` };
    expect(find(status, "Ready")).toMatchObject(ready);
    expect(find(status, "ServersReady")).toMatchObject({ status: "True", message: told });
    expect(find(status, "Progressing")).toMatchObject({
      status: "True",
      reason: "Changing",
      message: "being brought up: chat servers (demo-server-x: ImagePullBackOff)",
    });
  });

  test("they are stuck when their time is up", () => {
    const type = "Progressing";
    const conditions = [{ type, status: "False", reason: "ProgressDeadlineExceeded", message: "late" }];
    const status = describeWith({ servers: rolling(conditions), pods });
    expect(find(status, "Ready")).toMatchObject({ status: "True", reason: "RolloutStuck" });
    expect(find(status, "Progressing")).toMatchObject({
      status: "False",
      reason: "RolloutStuck",
      message: "not up in time: chat servers (demo-server-x: ImagePullBackOff)",
    });
  });

  test("where another part is down as well, the reason is not the rollout", () => {
    const servers = rolling();
    for (const other of [{ redis: workload(1, 0) }, { workers: workload(2, 1) }]) {
      const status = describeWith({ servers, pods, ...other });
      expect(find(status, "Ready")).toMatchObject({ reason: "SomeReady" });
    }
  });
});

test("what keeps NATS from coming up is told", () => {
  const obstacle = { reason: "FailedCreate", message: "exceeded quota" };
  const status = describeWith({ nats: workload(nats.replicas, 0), obstacle });
  const message = `0 of ${nats.replicas} NATS nodes ready; exceeded quota`;
  expect(find(status, "NATSReady")).toMatchObject({ status: "False", message });
});

test("a reason and a message that the CRD would refuse are made to fit", () => {
  const problems = [{ reason: "Only nice pods!", message: "x".repeat(100_000) }];
  const condition = find(describeWith({ problems }), "ReconcileSuccess");
  expect(condition).toMatchObject({ reason: "Refused" });
  expect(condition?.message.length).toBeLessThan(32_768);
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

group("one that is paused", () => {
  test("says so, and goes on to tell how its parts are", () => {
    const before = describeWith({});
    const later = { ...cluster, metadata: { ...cluster.metadata, generation: 8 } };
    const paused = describePaused(
      later,
      before,
      { ...well, servers: workload(server.replicas, 0), lag: pausedLag },
      now,
    );
    expect(find(paused, "Progressing")).toMatchObject({ status: "False", reason: "Paused" });
    expect(find(paused, "Ready")).toMatchObject({ status: "False", reason: "ServersNotReady" });
    expect(paused.servers?.readyReplicas).toBe(0);
    expect(find(paused, "LagUnknown")).toMatchObject({ status: "True", reason: "Paused" });
    expect(paused.servers).not.toHaveProperty("connections");
    expect(paused.conditions).toHaveLength(before.conditions?.length ?? 0);
  });

  test("does not claim to have done what its spec asks for", () => {
    const problems = [{ reason: "Forbidden", message: "exceeded quota" }];
    const before = describeWith({ problems });
    const later = { ...cluster, metadata: { ...cluster.metadata, generation: 8 } };
    const paused = describePaused(later, before, well, now);
    expect(paused.observedGeneration).toBe(7);
    expect(find(paused, "ReconcileSuccess")).toEqual(find(before, "ReconcileSuccess"));
    expect(find(describePaused(later, {}, well, now), "ReconcileSuccess")).toBeUndefined();
  });
});
