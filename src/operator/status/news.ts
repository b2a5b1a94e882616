import type { ChatClusterStatus, Condition } from "../../cluster/chat-cluster.ts";
import type { EventType } from "../kube/events.ts";
import type { ConditionType, Problem } from "./conditions.ts";
import type { Seen } from "./describe.ts";

export type News = Problem & { readonly type: EventType };

/** What of a new status people should hear, whoever looks at it. */
export function newsOf(before: ChatClusterStatus, after: ChatClusterStatus): News[] {
  const news: News[] = [];
  const [wasReady, ready] = [conditionOf(before, "Ready"), conditionOf(after, "Ready")];
  // That a new ChatCluster is not ready yet goes without saying.
  if (ready !== undefined && ready.status !== wasReady?.status) {
    const { message } = ready;
    if (ready.status === "True") news.push({ type: "Normal", reason: "Ready", message });
    else if (wasReady !== undefined) news.push({ type: "Warning", reason: "NotReady", message });
  }
  const [failed, success] = [conditionOf(before, "ReconcileSuccess"), conditionOf(after, "ReconcileSuccess")];
  if (failed?.status === "False" && success?.status === "True")
    news.push({ type: "Normal", reason: success.reason, message: success.message });
  return news;
}

/** All that is in the way: to be told when it appears or changes. */
export function troublesOf({ problems, streams, obstacle }: Seen, status: ChatClusterStatus): Problem[] {
  const progressing = conditionOf(status, "Progressing");
  return [
    ...problems.map(({ message }) => ({ reason: "Refused", message })),
    ...(streams !== undefined && !passing.has(streams.reason) ? [streams] : []),
    ...(obstacle !== undefined ? [obstacle] : []),
    ...(progressing?.reason === "RolloutStuck"
      ? [{ reason: progressing.reason, message: progressing.message }]
      : []),
  ];
}

/** Why streams are not there in the ordinary course of things. */
const passing = new Set(["NATSNotReady", "NATSBusy", "NotLookedAt"]);

function conditionOf({ conditions = [] }: ChatClusterStatus, wanted: ConditionType): Condition | undefined {
  return conditions.find(({ type }) => type === wanted);
}
