import type { Fault } from "./faults.ts";
import type { FaultKind, Size } from "./plan.ts";

/** Of one client: when each of its echoes came, in milliseconds since the start of the run. */
export type Echoes = {
  readonly user: string;
  /** Behind which it is; its own link to the servers is part of its service. */
  readonly router: string;
  readonly echoes: readonly number[];
};

/** How long a client may be without an echo although enough of the cluster is well, in milliseconds. */
export const serviceLimit = 20_000;

export type Outage = { readonly user: string; readonly from: number; readonly to: number };

/** What a fault does may begin to be felt this long after its end, in milliseconds. */
const aftermath = 1000;

/**
 * Per kind of fault: the longest that a client was without an echo, in milliseconds, in a pause that went on
 * after the fault had begun and began before it was long over. Counted from the fault's start at the earliest.
 * Faults that overlap each get the whole pause. Sending ended at `until`.
 */
export function longestPauses(
  faults: readonly Fault[],
  clients: readonly Echoes[],
  until: number,
): Map<FaultKind, number> {
  const pauses = new Map<FaultKind, number>();
  for (const { kind, startedAt, endedAt = until, parts } of faults) {
    for (const { router, echoes } of clients) {
      if (parts[1] === "servers" && parts[0] !== router) continue;
      let previous = startedAt;
      for (const at of [...echoes.filter((echo) => echo > startedAt && echo < until), until]) {
        pauses.set(kind, Math.max(pauses.get(kind) ?? 0, at - previous));
        if (at > endedAt + aftermath) break;
        previous = at;
      }
    }
  }
  return pauses;
}

/**
 * Where a client had no echo for more than serviceLimit although a server, a worker and a majority of the NATS
 * nodes were well all that time. The time begins anew with each fault of a NATS node: there is an election.
 */
export function outages(
  faults: readonly Fault[],
  clients: readonly Echoes[],
  size: Size,
  until: number,
): Outage[] {
  const found: Outage[] = [];
  for (const { user, router, echoes } of clients) {
    const concerned = faults.filter(({ parts }) => parts[1] !== "servers" || parts[0] === router);
    let previous = 0;
    for (const at of [...echoes.filter((echo) => echo < until), until]) {
      const outage = at - previous > serviceLimit && longestAble(concerned, size, previous, at);
      if (outage && outage.to - outage.from > serviceLimit) found.push({ user, ...outage });
      previous = at;
    }
  }
  return found;
}

/** The longest part of a time in which nothing is an excuse. */
function longestAble(
  faults: readonly Fault[],
  size: Size,
  from: number,
  to: number,
): { from: number; to: number } {
  const bounds = new Map<number, boolean>([[to, false]]);
  for (const { startedAt, endedAt = to, parts, kind } of faults) {
    const resets = kind === "step-down" || parts.some((part) => part.startsWith("nats"));
    for (const at of [startedAt, endedAt]) if (at > from && at < to) bounds.set(at, bounds.get(at) || resets);
  }
  let longest = { from, to: from };
  let since = from;
  let last = from;
  for (const [at, resets] of [...bounds].sort(([one], [other]) => one - other)) {
    if (!isAble(faults, size, (last + at) / 2)) since = at;
    if (at - since > longest.to - longest.from) longest = { from: since, to: at };
    if (resets) since = at;
    last = at;
  }
  return longest;
}

function isAble(faults: readonly Fault[], size: Size, at: number): boolean {
  const ill = new Set<string>();
  for (const { startedAt, endedAt = Number.POSITIVE_INFINITY, parts, kind } of faults) {
    if (startedAt > at || endedAt < at) continue;
    // Nothing gets to the servers from there.
    if (parts[1] === "servers") return false;
    // A link takes away one of its ends at most: the other has more links.
    const isLink = /^(cut|silent|one-way|slow)/.test(kind);
    for (const part of isLink ? parts.slice(0, 1) : parts) ill.add(part);
  }
  const well = (kind: string, count: number): number =>
    count - [...ill].filter((part) => part.startsWith(kind)).length;
  return (
    well("server", size.servers) >= 1 &&
    well("worker", size.workers) >= 1 &&
    well("nats", size.nats) > size.nats / 2
  );
}
