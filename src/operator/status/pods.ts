import type { KubeObject } from "../kube/objects.ts";

type PodStatus = {
  readonly phase?: string;
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
};

type ContainerStatus = {
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { reason?: string; message?: string };
    readonly terminated?: { reason?: string; exitCode?: number };
  };
  readonly lastState?: { readonly terminated?: { reason?: string; exitCode?: number } };
};

/** Waiting for these is how every pod begins. */
const ordinary = new Set(["ContainerCreating", "PodInitializing"]);

/** What is wrong with pods: of the newest that has a trouble, since the others may be about to go. */
export function troubleOfPods(pods: readonly KubeObject[]): string | undefined {
  for (const pod of pods.filter(matters).toSorted(newestFirst)) {
    const trouble = troubleOfPod(pod);
    if (trouble !== undefined) return `${pod.metadata.name}: ${trouble}`;
  }
  return undefined;
}

/** One that is being deleted or was evicted has been replaced, or is about to be. */
export function matters({ metadata, status }: KubeObject): boolean {
  const { phase } = (status ?? {}) as PodStatus;
  return metadata.deletionTimestamp === undefined && phase !== "Failed" && phase !== "Succeeded";
}

/** Something else each time that one of these pods is made anew, or a container of it. */
export function startsOf(pods: readonly KubeObject[]): string[] {
  const restarts = ({ containerStatuses = [] }: PodStatus): string =>
    containerStatuses.map(({ restartCount = 0 }) => restartCount).join();
  return pods
    .map(({ metadata, status }) => `${metadata.uid} ${restarts((status ?? {}) as PodStatus)}`)
    .toSorted();
}

function newestFirst({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const [of, other] = [a.creationTimestamp ?? "", b.creationTimestamp ?? ""];
  if (of !== other) return of > other ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function troubleOfPod(pod: KubeObject): string | undefined {
  const {
    conditions = [],
    initContainerStatuses = [],
    containerStatuses = [],
  } = (pod.status ?? {}) as PodStatus;
  const unscheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled !== undefined) return unscheduled.message ?? unscheduled.reason;
  // Ending well is what init containers are for.
  const failed = initContainerStatuses.filter(({ state }) => state?.terminated?.exitCode !== 0);
  for (const { state, lastState } of [...failed, ...containerStatuses]) {
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
