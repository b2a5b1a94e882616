import type { Condition } from "../../cluster/chat-cluster.ts";

export type ConditionType =
  | "Ready"
  | "NATSReady"
  | "RedisReady"
  | "ServersReady"
  | "WorkersReady"
  | "LagUnknown"
  | "Progressing"
  | "ReconcileSuccess";

/** What a condition says. */
export type Finding = Pick<Condition, "status" | "reason" | "message">;

/** Why something is not as it should be. */
export type Problem = Omit<Finding, "status">;

/** The conditions that were found; their times are those of the last change of their status. */
export function conditionsOf(
  found: ReadonlyMap<ConditionType, Finding>,
  before: readonly Condition[],
  generation: number,
  now: Date,
): Condition[] {
  return [...found].map(([type, finding]) => {
    const last = before.find((condition) => condition.type === type);
    const lastTransitionTime =
      last?.status === finding.status ? last.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
    return { type, ...finding, observedGeneration: generation, lastTransitionTime };
  });
}
