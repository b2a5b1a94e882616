import { Counter, Gauge, type Registry } from "prom-client";
import { type ClusterName, labelsOf } from "./cluster-name.ts";
import { type ReasonName, reasonNames } from "./reason.ts";

/** What is told of the decisions on ChatClusters' workers. */
export type ScalingMetrics = {
  decided(cluster: ClusterName, workers: number, reason: ReasonName): void;
  gone(cluster: ClusterName): void;
};

export function scalingMetrics(registry: Registry): ScalingMetrics {
  const desired = new Gauge({
    name: "disroom_workers_desired",
    help: "Queue workers that are to run",
    labelNames: ["namespace", "name"],
    registers: [registry],
  });
  const decisions = new Counter({
    name: "disroom_scaling_decisions_total",
    help: "Decisions on how many queue workers are to run, one for each measurement, by what they were made for",
    labelNames: ["namespace", "name", "reason"],
    registers: [registry],
  });
  return {
    decided: (cluster, workers, reason) => {
      const labels = labelsOf(cluster);
      desired.set(labels, workers);
      decisions.inc({ ...labels, reason });
    },
    gone: (cluster) => {
      const labels = labelsOf(cluster);
      desired.remove(labels);
      for (const reason of reasonNames) decisions.remove({ ...labels, reason });
    },
  };
}
