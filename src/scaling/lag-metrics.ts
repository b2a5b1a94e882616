import { Gauge, type Registry } from "prom-client";
import { type ClusterName, labelsOf } from "./cluster-name.ts";
import type { LagResult } from "./lag-meter.ts";
import { LagUnknown } from "./lag-unknown.ts";

/** What the lags of ChatClusters are told. */
export type LagMetrics = {
  measured(cluster: ClusterName, result: LagResult): void;
  gone(cluster: ClusterName): void;
};

/** While a lag is unknown there are no series of it: the last value would be wrong, and so would any other. */
export function lagMetrics(registry: Registry): LagMetrics {
  const gauge = (name: string, help: string): Gauge<"namespace" | "name"> =>
    new Gauge({ name, help, labelNames: ["namespace", "name"], registers: [registry] });
  const known = {
    seconds: gauge("disroom_lag_seconds", "Age of the oldest message that waits to be stored"),
    bytes: gauge("disroom_lag_bytes", "Bytes that wait to be stored"),
    connections: gauge("disroom_connections", "Open chat connections to all servers"),
  };
  const unknown = gauge("disroom_lag_unknown", "Whether the lag could not be measured: 1, or 0");
  return {
    measured: (cluster, result) => {
      const labels = labelsOf(cluster);
      unknown.set(labels, result instanceof LagUnknown ? 1 : 0);
      if (result instanceof LagUnknown) {
        for (const metric of Object.values(known)) metric.remove(labels);
        return;
      }
      known.seconds.set(labels, result.sample.lagSeconds);
      known.bytes.set(labels, result.sample.lagBytes);
      known.connections.set(labels, result.connections);
    },
    gone: (cluster) => {
      for (const metric of [...Object.values(known), unknown]) metric.remove(labelsOf(cluster));
    },
  };
}
