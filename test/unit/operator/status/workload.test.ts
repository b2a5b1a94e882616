import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import {
  isProgressing,
  isStuck,
  readiness,
  type Workload,
} from "../../../../src/operator/status/workload.ts";

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

  test("where pods must have been ready for a while, those that have count", () => {
    const { object, ...others } = workload({ readyReplicas: 3, availableReplicas: 2 });
    const settling = { ...others, object: { ...(object as KubeObject), spec: { minReadySeconds: 2 } } };
    expect(readiness(settling).message).toBe("2 of 3 NATS nodes ready");
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

describe("pods that are no trouble any more", () => {
  const unscheduled = (message: string): object => ({
    conditions: [{ type: "PodScheduled", status: "False", message }],
  });
  const pod = (name: string, status: object, more: object = {}): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...more },
    status,
  });
  test.each<[string, KubeObject]>([
    [
      "one that is being deleted",
      pod("a", unscheduled("old"), { deletionTimestamp: "2026-01-02T03:04:05Z" }),
    ],
    [
      "one that was evicted",
      pod("a", {
        phase: "Failed",
        containerStatuses: [{ state: { terminated: { exitCode: 137, reason: "Error" } } }],
      }),
    ],
    [
      "one whose init container has ended well",
      pod("a", { initContainerStatuses: [{ state: { terminated: { exitCode: 0, reason: "Completed" } } }] }),
    ],
  ])("%s", (_, gone) => {
    const pods = [gone, pod("b", unscheduled("new"))];
    expect(readiness({ ...workload({}), pods }).message).toBe("0 of 3 NATS nodes ready; b: new");
    expect(readiness({ ...workload({}), pods: [gone] }).message).toBe("0 of 3 NATS nodes ready");
  });

  test("the newest is told of", () => {
    const pods = [
      pod("a", unscheduled("old"), { creationTimestamp: "2026-01-02T03:04:05Z" }),
      pod("b", unscheduled("new"), { creationTimestamp: "2026-01-02T04:04:05Z" }),
    ];
    expect(readiness({ ...workload({}), pods }).message).toBe("0 of 3 NATS nodes ready; b: new");
  });
});

test("an obstacle that only Kubernetes' Events tell comes first", () => {
  const { message } = readiness({ ...workload({}, [waiting("Any")]), obstacle: "no such storage class" });
  expect(message).toBe("0 of 3 NATS nodes ready; no such storage class");
});

describe("a rollout whose new pods do not come up while the old ones serve", () => {
  const rolling = { replicas: 4, updatedReplicas: 1, readyReplicas: 3 };
  const deadline = {
    conditions: [
      { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" },
    ],
  };
  const badImage = [waiting("ImagePullBackOff")];

  test("is told", () => {
    const message = "3 of 3 NATS nodes ready, but new ones do not come up: demo-nats-0: ImagePullBackOff";
    expect(readiness(workload(rolling, badImage))).toEqual({
      status: "True",
      reason: "RolloutWaits",
      message,
    });
    expect(isStuck(workload(rolling, badImage))).toBe(false);
  });

  test("is told when the quota has no room for them", () => {
    const refused = { conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }] };
    expect(readiness(workload({ ...rolling, updatedReplicas: 0, ...refused })).message).toContain(
      "but new ones do not come up: exceeded quota",
    );
  });

  test("is stuck when its time is up, also where its pods say nothing", () => {
    const stuck = workload({ ...rolling, ...deadline });
    expect(isStuck(stuck)).toBe(true);
    const message = "3 of 3 NATS nodes ready, but new ones do not come up: timed out";
    expect(readiness(stuck)).toEqual({ status: "True", reason: "RolloutStuck", message });
  });

  test("is not told while it goes well, nor after it went through, nor of the change before", () => {
    expect(readiness(workload(rolling)).reason).toBe("AllReady");
    const through = workload({ ...rolling, replicas: 3, updatedReplicas: 3, ...deadline }, badImage);
    expect(readiness(through).reason).toBe("AllReady");
    expect(isStuck(through)).toBe(false);
    expect(isStuck(workload({ ...rolling, ...deadline, observedGeneration: 1 }))).toBe(false);
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
