import type { KubeObject } from "../kube/objects.ts";
import type { Finding } from "./conditions.ts";
import { troubleOfPods } from "./pods.ts";

/** A Deployment or StatefulSet as far as its pods are concerned. */
export type Workload = {
  /** For people: NATS nodes, chat servers. */
  readonly what: string;
  readonly object: KubeObject | undefined;
  readonly wanted: number;
  /** How many must be ready for it to do its work. */
  readonly needed: number;
  readonly pods: readonly KubeObject[];
  /** What keeps pods from coming up, where neither they nor the object tell. */
  readonly obstacle?: string | undefined;
};

type WorkloadStatus = {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly conditions?: readonly WorkloadCondition[];
};

type WorkloadCondition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
};

/** How many pods there are, and how many of them are ready. */
export function countsOf({ object }: Pick<Workload, "object">): { replicas: number; readyReplicas: number } {
  const { replicas = 0, readyReplicas = 0 } = statusOf(object);
  return { replicas, readyReplicas };
}

/** Whether it does its work, and if it is not all well, why. Old pods do the work while new ones can't. */
export function readiness(workload: Workload): Finding {
  const { what, object, wanted, needed } = workload;
  if (object === undefined)
    return { status: "False", reason: "Missing", message: `there are no ${what} yet` };
  const ready = countedReplicas(object);
  const count = `${ready} of ${wanted} ${what} ready`;
  const trouble = troubleOf(workload);
  if (ready >= wanted) {
    if (trouble === undefined || !isProgressing(workload))
      return { status: "True", reason: "AllReady", message: count };
    const message = `${count}, but new ones do not come up: ${trouble}`;
    return { status: "True", reason: isStuck(workload) ? "RolloutStuck" : "RolloutWaits", message };
  }
  const message = trouble === undefined ? count : `${count}; ${trouble}`;
  if (ready >= needed) return { status: "True", reason: "SomeReady", message };
  return { status: "False", reason: "NotReady", message };
}

/** Pods that are ready, for as long as they have to be. */
function countedReplicas(object: KubeObject): number {
  const { minReadySeconds = 0 } = (object.spec ?? {}) as { minReadySeconds?: number };
  const { readyReplicas = 0, availableReplicas = 0 } = statusOf(object);
  return minReadySeconds > 0 ? availableReplicas : readyReplicas;
}

/** Whether it is being changed: pods of the last wish are not all there yet. */
export function isProgressing({ object, wanted }: Workload): boolean {
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0 } = statusOf(object);
  return (
    object === undefined ||
    !isSeen(object) ||
    updatedReplicas < wanted ||
    replicas !== wanted ||
    readyReplicas < wanted
  );
}

/** Whether its new pods did not come up within the time that a Deployment gives them (ten minutes). */
export function isStuck(workload: Workload): boolean {
  return isProgressing(workload) && deadlinePassed(workload.object) !== undefined;
}

/** Why pods are missing or not ready, in the words of whoever knows. */
export function troubleOf({ object, pods, obstacle }: Workload): string | undefined {
  const refused = conditionOf(object, "ReplicaFailure");
  return (
    obstacle ||
    (refused?.status === "True" && refused.message) ||
    troubleOfPods(pods) ||
    deadlinePassed(object)?.message ||
    undefined
  );
}

function deadlinePassed(object: KubeObject | undefined): WorkloadCondition | undefined {
  // Until a change is seen, the condition is about what was before it.
  if (object === undefined || !isSeen(object)) return undefined;
  const progressing = conditionOf(object, "Progressing");
  return progressing?.status === "False" && progressing.reason === "ProgressDeadlineExceeded"
    ? progressing
    : undefined;
}

/** Whether its controller has seen the last change of it. */
function isSeen(object: KubeObject): boolean {
  return (statusOf(object).observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
}

function conditionOf(object: KubeObject | undefined, wanted: string): WorkloadCondition | undefined {
  return statusOf(object).conditions?.find(({ type }) => type === wanted);
}

function statusOf(object: KubeObject | undefined): WorkloadStatus {
  return (object?.status ?? {}) as WorkloadStatus;
}
