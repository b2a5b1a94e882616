import type { KubeObject } from "../kube/objects.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, ports } from "./names.ts";
import { metricsReaders, networkPolicy } from "./network-policy.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { roleDeployment } from "./role.ts";
import { serviceAccount } from "./service-account.ts";

/**
 * In seconds: until all nodes and load balancers know that a server is going, they still send it people, whom it
 * accepts.
 */
const delayBeforeStop = 5;

/** In seconds: until all nodes know that a server is there, they refuse people whom they would send to it. */
const delayAfterStart = 2;

/** The chat servers and what belongs to them, in the order in which they are applied. */
export function serverObjects(cluster: StoredChatCluster, options: ResourceOptions): KubeObject[] {
  const { replicas, limits } = cluster.spec.server;
  const { maxConnections, messagesPerSecond, sendQueueBytes, joinTimeout } = limits;
  return [
    serviceAccount(cluster, "server"),
    networkPolicy(cluster, "server", [
      // The Service's source ranges are enforced in front of it.
      { ports: [ports.chat] },
      { from: metricsReaders, ports: [ports.http] },
    ]),
    chatService(cluster),
    disruptionBudget(cluster, "server", "25%", { allowUnready: true }),
    roleDeployment(cluster, options, {
      part: "server",
      replicas,
      settings: { maxConnections, messagesPerSecond, sendQueueBytes, joinTimeout },
      usesRedis: true,
      ports: [{ name: "chat", containerPort: ports.chat }],
      ...{ delayBeforeStop, delayAfterStart },
    }),
  ];
}

/** Where people connect. */
function chatService(cluster: StoredChatCluster): KubeObject {
  const { type, port, externalTrafficPolicy, annotations, loadBalancerSourceRanges } =
    cluster.spec.server.service;
  const metadata = metadataOf(cluster, nameOf(cluster, "server"), "server");
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      type,
      // Elsewhere there is no such field.
      ...(type !== "ClusterIP" && { externalTrafficPolicy }),
      ...(loadBalancerSourceRanges.length > 0 && { loadBalancerSourceRanges }),
      selector: selectorOf(cluster, "server"),
      ports: [{ name: "chat", port, targetPort: "chat" }],
    },
  };
}
