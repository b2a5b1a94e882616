import type { ChatClusterStatus } from "../../cluster/chat-cluster.ts";
import type { Finding, Problem } from "./conditions.ts";

/** What a status says of the lag and of connections. */
export type ShownLag = {
  readonly lagSeconds: number;
  readonly lagBytes: number;
  readonly connections: number;
};

/** What was measured, or why it is not known; undefined before the first measurement: what was said before stays. */
export type SeenLag = ShownLag | Problem | undefined;

/** Whether the lag is unknown. Ready does not rest on it: people chat all the same. */
export function lagFinding(seen: SeenLag, before: ChatClusterStatus): Finding | undefined {
  if (seen === undefined) {
    const last = before.conditions?.find(({ type }) => type === "LagUnknown");
    return last && { status: last.status, reason: last.reason, message: last.message };
  }
  if ("reason" in seen) return { status: "True", reason: seen.reason, message: seen.message };
  return { status: "False", reason: "Measured", message: "what waits to be stored is measured" };
}

/** The fields of the status that are there only while they can be measured. */
export function lagFields(seen: SeenLag, before: ChatClusterStatus) {
  if (seen !== undefined && "reason" in seen) return { servers: {}, workers: {} };
  const { connections } = seen ?? before.servers ?? {};
  const { lagSeconds, lagBytes } = seen ?? before.workers ?? {};
  return {
    servers: connections === undefined ? {} : { connections },
    workers: lagSeconds === undefined || lagBytes === undefined ? {} : { lagBytes, lagSeconds },
  };
}

/** What is said of one that is paused. */
export const pausedLag: Problem = {
  reason: "Paused",
  message: "spec.paused is true: nothing is measured until it is false again",
};
