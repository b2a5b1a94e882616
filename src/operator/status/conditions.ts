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

/** In characters; who reads more looks elsewhere. The CRD allows 32,768. */
const longestMessage = 4096;

/** The conditions that were found; their times are those of the last change of their status. */
export function conditionsOf(
  found: ReadonlyMap<ConditionType, Finding>,
  before: readonly Condition[],
  generation: number,
  now: Date,
): Condition[] {
  return [...found].map(([type, finding]) => {
    const { status, reason, message } = finding;
    const last = before.find((condition) => condition.type === type);
    const lastTransitionTime =
      last?.status === status ? last.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
    return {
      type,
      status,
      // An admission webhook's reason may be any text; a status that breaks a rule of the CRD would not be taken.
      reason: /^[A-Za-z]\w*$/.test(reason) ? reason : "Refused",
      message: message.slice(0, longestMessage),
      observedGeneration: generation,
      lastTransitionTime,
    };
  });
}
