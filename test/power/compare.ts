import { check, type Violation } from "../chaos/checker.ts";
import type { Connection, History } from "../chaos/history.ts";

/**
 * What must not be, even where the disk has forgotten messages; `restoredAt`: when it was back, on the history's
 * clock. Nothing is said of the forgotten: they are gone from the log, and were received all the same.
 *
 * A message that was received, then forgotten by the disk, and then sent once more by its server, since the
 * answer to it was lost, stands later in the log than where members had it. So it is only from then on that
 * members must have the log's order.
 */
export function violationsOf(history: History, restoredAt: number): Violation[] {
  const places = new Map<string, number>();
  for (const log of history.logs.values()) for (const [place, { id }] of log.entries()) places.set(id, place);
  const placeOf = ({ id }: { id: string }): number => places.get(id) ?? Number.POSITIVE_INFINITY;
  const checked = (received: (all: Connection["received"]) => Connection["received"]): Violation[] =>
    check({
      ...history,
      connections: history.connections.map((each) => ({ ...each, received: received(each.received) })),
    }).filter(({ id, kind }) => places.has(id) && kind !== "too early");

  const apartFromOrder = checked((all) => all.toSorted((one, other) => placeOf(one) - placeOf(other)));
  const ofOrder = checked((all) => all.filter(({ at }) => at > restoredAt));
  return [
    ...apartFromOrder.filter(({ kind }) => kind !== "reordered"),
    ...ofOrder.filter(({ kind }) => kind === "reordered"),
  ];
}
