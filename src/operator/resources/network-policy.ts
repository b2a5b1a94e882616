import type { KubeObject } from "../kube/objects.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, type Part } from "./names.ts";
import type { Peer, ResourceOptions, StoredChatCluster } from "./options.ts";

export type Opening = {
  /** Nobody in particular means everybody. */
  readonly from?: readonly Peer[];
  readonly ports: readonly number[];
};

/** What may reach the pods of a part; nothing else does. What they reach themselves is not limited. */
export function networkPolicy(
  cluster: StoredChatCluster,
  part: Part,
  openings: readonly Opening[],
): KubeObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(cluster, nameOf(cluster, part), part),
    spec: {
      podSelector: { matchLabels: selectorOf(cluster, part) },
      policyTypes: ["Ingress"],
      ingress: openings.map(({ from, ports }) => ({
        ...(from !== undefined && { from }),
        ports: ports.map((port) => ({ protocol: "TCP", port })),
      })),
    },
  };
}

/** Pods of the same ChatCluster. */
export function podsOf(cluster: StoredChatCluster, part: Part): Peer {
  return { podSelector: { matchLabels: selectorOf(cluster, part) } };
}

/** Where the operator may come from: its own namespace, where that is known. */
export function operatorOf({ operatorNamespace }: ResourceOptions): Peer {
  return {
    namespaceSelector:
      operatorNamespace === undefined
        ? {}
        : { matchLabels: { "kubernetes.io/metadata.name": operatorNamespace } },
    podSelector: { matchLabels: { "app.kubernetes.io/name": "disroom-operator" } },
  };
}

/** Any pod may read metrics: nobody knows where Prometheus runs. */
export const metricsReaders: readonly Peer[] = [{ namespaceSelector: {} }];

/** For Prometheus, at the exporter beside a part, where there is one. */
export const exporterOpening = ({ spec }: StoredChatCluster, port: number): Opening[] =>
  spec.monitoring.podMonitor ? [{ from: metricsReaders, ports: [port] }] : [];
