import { Gauge, type Registry } from "prom-client";
import { LagUnknown } from "../../scaling/lag-unknown.ts";
import { nameOfKey } from "../kube/objects.ts";
import type { LagResult } from "./lag-display.ts";

/** What the lags of ChatClusters are told, by key. */
export type LagMetrics = {
  measured(key: string, result: LagResult): void;
  gone(key: string): void;
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
  const labelsOf = (key: string) => {
    const { namespace = "", name } = nameOfKey(key);
    return { namespace, name };
  };
  return {
    measured: (key, result) => {
      const labels = labelsOf(key);
      unknown.set(labels, result instanceof LagUnknown ? 1 : 0);
      if (result instanceof LagUnknown) {
        for (const metric of Object.values(known)) metric.remove(labels);
        return;
      }
      known.seconds.set(labels, result.sample.lagSeconds);
      known.bytes.set(labels, result.sample.lagBytes);
      known.connections.set(labels, result.connections);
    },
    gone: (key) => {
      for (const metric of [...Object.values(known), unknown]) metric.remove(labelsOf(key));
    },
  };
}
