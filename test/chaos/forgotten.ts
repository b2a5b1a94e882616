import type { Violation } from "./checker.ts";
import type { Fault } from "./faults.ts";
import type { History } from "./history.ts";

/** How long a fault of a server or a NATS node may still be felt, in milliseconds. */
const aftermath = 5000;

/**
 * Messages that were not confirmed and are not stored, although servers and NATS were well all that time: the
 * queue had them, and has forgotten them. (A message that the queue refuses is refused to its sender.)
 */
export function forgotten(history: History, faults: readonly Fault[]): Violation[] {
  const grave = faults.filter(({ kind }) => !/worker|redis|full-queue|people/.test(kind));
  const violations: Violation[] = [];
  for (const { id, room, sentAt, outcome, outcomeAt = sentAt, answer } of history.messages.values()) {
    if (outcome !== "unknown" || answer?.startsWith("Error: message not confirmed") !== true) continue;
    if (history.logs.get(room)?.some((stored) => stored.id === id) === true) continue;
    const excuse = grave.some(
      ({ startedAt, endedAt = Number.POSITIVE_INFINITY }) =>
        startedAt <= outcomeAt && endedAt + aftermath >= sentAt,
    );
    if (!excuse) violations.push({ kind: "forgotten", id, what: "servers and NATS were well all that time" });
  }
  return violations;
}
