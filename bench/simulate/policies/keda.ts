import { settings, type Trace } from "../trace.ts";
import { desiredReplicas, initialHpa, sync, syncPeriod } from "./hpa.ts";
import type { Policy } from "./policy.ts";

/**
 * How the partitions' consumers become a count. KEDA's nats-jetstream scaler watches one consumer a trigger and
 * reports its num_pending + num_ack_pending against lagThreshold, as AverageValue; so there is a trigger for each
 * partition.
 *
 * - `max`: as it is, the HPA takes the trigger that asks for most.
 * - `sum`: scalingModifiers.formula adds all triggers up, and scalingModifiers.target is the threshold.
 */
export type KedaRule = "sum" | "max";

/**
 * KEDA with its HPA. With at least one replica there is no activation: the HPA alone decides, and asks KEDA, which
 * asks NATS, each time that it syncs. When NATS does not answer, KEDA reports an error and the HPA holds.
 */
export function keda({ firstSync, workersAtStart }: Trace, rule: KedaRule, threshold: number): Policy {
  let next = firstSync;
  let state = initialHpa(workersAtStart, 0);
  return {
    decide(time, pods, look) {
      if (time < next) return;
      next += syncPeriod;
      const batches = look?.().batches ?? [];
      const values =
        rule === "max" || batches.length === 0 ? batches : [batches.reduce((sum, count) => sum + count, 0)];
      const { minReplicas: min, maxReplicas: max } = settings;
      const replicas = pods.asked;
      const desired = values.map((value) => desiredReplicas(value, threshold, replicas));
      const decision = sync(state, { desired, replicas, min, max }, time);
      state = decision.state;
      pods.ask(decision.replicas, time);
    },
  };
}
