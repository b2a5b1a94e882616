import type { Registry } from "prom-client";
import type { ChatClusterStatus } from "../cluster/chat-cluster.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { sampledGauge } from "./sampled-gauge.ts";

type ReportedChatCluster = StoredChatCluster & { readonly status?: ChatClusterStatus };

/**
 * The status of every ChatCluster as metrics, labelled with its namespace and name, so that alerts on its parts need no
 * other exporter. `list` is asked at every scrape. All operators say the same, not only the one that leads.
 */
export function statusMetrics(registry: Registry, list: () => readonly ReportedChatCluster[]): void {
  const gauge = (
    name: string,
    help: string,
    label: string,
    read: (cluster: ReportedChatCluster) => Readonly<Record<string, number>>,
  ): void =>
    sampledGauge(registry, `disroom_chatcluster_${name}`, help, ["namespace", "name", label], () =>
      list().flatMap((cluster) => {
        const { namespace, name } = cluster.metadata;
        return Object.entries(read(cluster)).map(([key, value]) => ({
          labels: { namespace, name, [label]: key },
          value,
        }));
      }),
    );
  gauge("condition", "Whether a condition of a ChatCluster holds: 1, or 0", "type", conditions);
  gauge("wanted_replicas", "Pods that a part of a ChatCluster is to have", "part", wantedReplicas);
  gauge("ready_replicas", "Pods of a part of a ChatCluster that are ready", "part", readyReplicas);
}

function conditions({ status }: ReportedChatCluster): Record<string, number> {
  const found = (status?.conditions ?? []).map(({ type, status: holds }) => [type, Number(holds === "True")]);
  return Object.fromEntries(found);
}

function wantedReplicas({ spec, status }: ReportedChatCluster): Record<string, number> {
  return {
    // NATS does not shrink, whatever the spec says.
    nats: Math.max(spec.nats.replicas, status?.nats?.target ?? 0),
    redis: 1,
    server: spec.server.replicas,
    worker: status?.workers?.desired ?? spec.workers.minReplicas,
  };
}

function readyReplicas({ status }: ReportedChatCluster): Record<string, number> {
  return {
    nats: status?.nats?.readyReplicas ?? 0,
    redis: status?.redis?.readyReplicas ?? 0,
    server: status?.servers?.readyReplicas ?? 0,
    worker: status?.workers?.readyReplicas ?? 0,
  };
}
