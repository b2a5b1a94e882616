import { maxWorkers } from "../cluster/derived.ts";
import type { KubeObject } from "./kube/objects.ts";
import type { StoredChatCluster } from "./resources/options.ts";

/** How many workers are to run: those that do, within the bounds of the spec. */
export function workersOf({ spec }: StoredChatCluster, deployment: KubeObject | undefined): number {
  const running = (deployment?.spec as { replicas?: number } | undefined)?.replicas ?? 0;
  return Math.min(Math.max(running, spec.workers.minReplicas), maxWorkers(spec));
}
