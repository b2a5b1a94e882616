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

export function operatorOf({ operator }: ResourceOptions): Peer {
  return (
    operator ?? {
      namespaceSelector: {},
      podSelector: { matchLabels: { "app.kubernetes.io/name": "disroom-operator" } },
    }
  );
}

/** Prometheus and, for the numbers in the status, the operator. */
export function metricsReadersOf(options: ResourceOptions): Peer[] {
  return [operatorOf(options), ...scrapersOf(options)];
}

/** For Prometheus, at the exporter beside a part, where there is one. */
export function exporterOpening(
  cluster: StoredChatCluster,
  options: ResourceOptions,
  port: number,
): Opening[] {
  const from = scrapersOf(options);
  // An empty list of peers would let everybody in.
  return cluster.spec.monitoring.podMonitor && from.length > 0 ? [{ from, ports: [port] }] : [];
}

const scrapersOf = ({ metricsReaders }: ResourceOptions): readonly Peer[] =>
  metricsReaders ?? [{ namespaceSelector: {} }];
