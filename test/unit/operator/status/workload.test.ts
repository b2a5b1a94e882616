import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { isProgressing, readiness, type Workload } from "../../../../src/operator/status/workload.ts";

function workload(status: object | undefined, pods: object[] = []): Workload {
  const object: KubeObject | undefined = status && {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "demo-nats", generation: 2 },
    status: { observedGeneration: 2, ...status },
  };
  return {
    what: "NATS nodes",
    object,
    wanted: 3,
    needed: 2,
    pods: pods.map((podStatus, index) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `demo-nats-${index}` },
      status: podStatus,
    })),
  };
}
const waiting = (reason: string, message?: string, lastState: object = {}) => ({
  containerStatuses: [{ ready: false, state: { waiting: { reason, message } }, lastState }],
});

describe("readiness", () => {
  test.each([
    ["no object", undefined, "False", "Missing", "there are no NATS nodes yet"],
    ["none ready", {}, "False", "NotReady", "0 of 3 NATS nodes ready"],
    ["too few", { readyReplicas: 1 }, "False", "NotReady", "1 of 3 NATS nodes ready"],
    ["enough", { readyReplicas: 2 }, "True", "SomeReady", "2 of 3 NATS nodes ready"],
    ["all", { readyReplicas: 3 }, "True", "AllReady", "3 of 3 NATS nodes ready"],
  ])("%s", (_, status, expected, reason, message) => {
    expect(readiness(workload(status))).toEqual({ status: expected, reason, message });
  });

  test.each([
    [
      "a pod that no node takes",
      {
        conditions: [
          { type: "PodScheduled", status: "False", message: "0/3 nodes are available: no storage class" },
        ],
      },
      "0/3 nodes are available: no storage class",
    ],
    ["an image that is not there", waiting("ImagePullBackOff", "not found"), "ImagePullBackOff: not found"],
    [
      "one that ends again and again",
      waiting("CrashLoopBackOff", undefined, { terminated: { exitCode: 1 } }),
      "CrashLoopBackOff, after it ended with code 1",
    ],
    [
      "one that has ended",
      { containerStatuses: [{ state: { terminated: { exitCode: 137, reason: "OOMKilled" } } }] },
      "it ended with code 137 (OOMKilled)",
    ],
  ])("tells of %s", (_, pod, trouble) => {
    const { message } = readiness(workload({ readyReplicas: 1 }, [{}, pod]));
    expect(message).toBe(`1 of 3 NATS nodes ready; demo-nats-1: ${trouble}`);
  });

  test("tells of pods that are refused", () => {
    const conditions = [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }];
    expect(readiness(workload({ conditions })).message).toBe("0 of 3 NATS nodes ready; exceeded quota");
  });

  test("a pod that is just being made is no trouble", () => {
    expect(readiness(workload({}, [waiting("ContainerCreating")])).message).toBe("0 of 3 NATS nodes ready");
  });
});

const settled = { replicas: 3, updatedReplicas: 3, readyReplicas: 3 };
test.each([
  ["settled", settled, false],
  ["not seen by its controller yet", { ...settled, observedGeneration: 1 }, true],
  ["old pods are left", { ...settled, replicas: 4 }, true],
  ["pods are being updated", { ...settled, updatedReplicas: 1 }, true],
  ["a pod is not ready", { ...settled, readyReplicas: 2 }, true],
  ["there is none", undefined, true],
])("progress: %s", (_, status, expected) => {
  expect(isProgressing(workload(status))).toBe(expected);
});
