import type { KubeObject } from "../kube/objects.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { ports } from "./names.ts";
import { metricsReaders, networkPolicy } from "./network-policy.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { roleDeployment } from "./role.ts";
import { serviceAccount } from "./service-account.ts";

/** The queue workers and what belongs to them, in the order in which they are applied. */
export function workerObjects(cluster: StoredChatCluster, options: ResourceOptions): KubeObject[] {
  return [
    serviceAccount(cluster, "worker"),
    networkPolicy(cluster, "worker", [{ from: metricsReaders, ports: [ports.http] }]),
    disruptionBudget(cluster, "worker", "25%", { allowUnready: true }),
    roleDeployment(cluster, options, {
      part: "worker",
      replicas: options.workers,
      settings: {},
      usesRedis: false,
      ports: [],
    }),
  ];
}
