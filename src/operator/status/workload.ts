import type { KubeObject } from "../kube/objects.ts";
import type { Finding } from "./conditions.ts";

/** A Deployment or StatefulSet as far as its pods are concerned. */
export type Workload = {
  /** For people: NATS nodes, chat servers. */
  readonly what: string;
  readonly object: KubeObject | undefined;
  readonly wanted: number;
  /** How many must be ready for it to do its work. */
  readonly needed: number;
  readonly pods: readonly KubeObject[];
};

type WorkloadStatus = {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly conditions?: readonly { type: string; status: string; message?: string }[];
};

/** How many pods there are, and how many of them are ready. */
export function countsOf({ object }: Pick<Workload, "object">): { replicas: number; readyReplicas: number } {
  const { replicas = 0, readyReplicas = 0 } = statusOf(object);
  return { replicas, readyReplicas };
}

/** Whether it does its work, and if it is not all well, why. */
export function readiness(workload: Workload): Finding {
  const { what, object, wanted, needed, pods } = workload;
  if (object === undefined)
    return { status: "False", reason: "Missing", message: `there are no ${what} yet` };
  const ready = statusOf(object).readyReplicas ?? 0;
  const count = `${ready} of ${wanted} ${what} ready`;
  const trouble = troubleOf(object, pods);
  const message = trouble === undefined ? count : `${count}; ${trouble}`;
  if (ready >= wanted) return { status: "True", reason: "AllReady", message: count };
  if (ready >= needed) return { status: "True", reason: "SomeReady", message };
  return { status: "False", reason: "NotReady", message };
}

/** Whether it is being changed: pods of the last wish are not all there yet. */
export function isProgressing({ object, wanted }: Workload): boolean {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, readyReplicas = 0 } = statusOf(object);
  return (
    object === undefined ||
    observedGeneration < (object.metadata.generation ?? 0) ||
    updatedReplicas < wanted ||
    replicas !== wanted ||
    readyReplicas < wanted
  );
}

/** Why pods are missing or not ready, in the words of whoever knows. */
function troubleOf(object: KubeObject, pods: readonly KubeObject[]): string | undefined {
  const refused = statusOf(object).conditions?.find(
    ({ type, status }) => type === "ReplicaFailure" && status === "True",
  );
  if (refused?.message) return refused.message;
  for (const pod of pods) {
    const trouble = troubleOfPod(pod);
    if (trouble !== undefined) return `${pod.metadata.name}: ${trouble}`;
  }
  return undefined;
}

type PodStatus = {
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
  readonly containerStatuses?: readonly ContainerStatus[];
};

type ContainerStatus = {
  readonly ready?: boolean;
  readonly state?: {
    readonly waiting?: { reason?: string; message?: string };
    readonly terminated?: { reason?: string; exitCode?: number };
  };
  readonly lastState?: { readonly terminated?: { reason?: string; exitCode?: number } };
};

/** Waiting for these is how every pod begins. */
const ordinary = new Set(["ContainerCreating", "PodInitializing"]);

function troubleOfPod(pod: KubeObject): string | undefined {
  const { conditions = [], containerStatuses = [] } = (pod.status ?? {}) as PodStatus;
  const unscheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled !== undefined) return unscheduled.message ?? unscheduled.reason;
  for (const { state, lastState } of containerStatuses) {
    const { waiting, terminated } = state ?? {};
    if (waiting?.reason !== undefined && !ordinary.has(waiting.reason)) {
      const ended = lastState?.terminated;
      const before = ended === undefined ? "" : `, after it ended with code ${ended.exitCode}`;
      return `${waiting.reason}${before}${waiting.message ? `: ${waiting.message}` : ""}`;
    }
    if (terminated !== undefined) return `it ended with code ${terminated.exitCode} (${terminated.reason})`;
  }
  return undefined;
}

function statusOf(object: KubeObject | undefined): WorkloadStatus {
  return (object?.status ?? {}) as WorkloadStatus;
}
