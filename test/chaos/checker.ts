import type { Connection, History, SentMessage, StoredMessage } from "./history.ts";

/**
 * - `lost`: accepted, but not in the log; or in the log, but not received by a connection that was there.
 * - `duplicated`: more than once in the log, or received more than once by one connection.
 * - `reordered`: not in the order of sending in the log, or received in another order than the log's.
 * - `refused but stored`: in the log, although its sender was told that it is not.
 * - `not stored`: received, but not in the log.
 * - `too early`: received by a connection that joined after its sender had seen it; still a slice of the log.
 * - `forgotten`: not confirmed and not stored either, although nothing stood between its sender and the queue.
 */
export type ViolationKind =
  | "lost"
  | "duplicated"
  | "reordered"
  | "refused but stored"
  | "not stored"
  | "too early"
  | "forgotten";

export type Violation = {
  readonly kind: ViolationKind;
  /** The message concerned. */
  readonly id: string;
  readonly what: string;
};

/** Everything in a finished run that must not be, in the order of the rules of ViolationKind. */
export function check(history: History): Violation[] {
  const violations: Violation[] = [];
  const indexes = new Map<string, Map<string, number>>();
  for (const [room, log] of history.logs) indexes.set(room, indexOf(log));
  const isStored = (room: string, id: string): boolean => indexes.get(room)?.has(id) === true;

  for (const [room, log] of history.logs) violations.push(...checkLog(room, log, history));
  for (const { id, room, outcome } of history.messages.values()) {
    if (outcome === "accepted" && !isStored(room, id)) {
      violations.push({ kind: "lost", id, what: "its sender saw the echo, but it is not in the log" });
    }
    if (outcome === "refused" && isStored(room, id)) {
      violations.push({
        kind: "refused but stored",
        id,
        what: "its sender was told that it is not stored, but it is in the log",
      });
    }
  }
  for (const { ids, refused } of history.refusedAmong) {
    const stored = ids.filter((id) => isStored(history.messages.get(id)?.room ?? "", id));
    const [first = ""] = stored;
    if (stored.length > ids.length - refused) {
      violations.push({
        kind: "refused but stored",
        id: first,
        what: `${refused} of ${ids.join(", ")} were refused, but in the log are ${stored.join(", ")}`,
      });
    }
  }
  for (const connection of history.connections) {
    const log = history.logs.get(connection.room) ?? [];
    violations.push(
      ...checkReceived(connection, log, indexes.get(connection.room) ?? new Map(), history.messages),
    );
  }
  return violations;
}

/** Where each message stands first. */
function indexOf(log: readonly StoredMessage[]): Map<string, number> {
  const index = new Map<string, number>();
  for (const [position, { id }] of log.entries()) if (!index.has(id)) index.set(id, position);
  return index;
}

function* checkLog(room: string, log: readonly StoredMessage[], { messages }: History): Iterable<Violation> {
  const sequences = new Map<string, number>();
  const latest = new Map<number, SentMessage>();
  for (const { id, sequence } of log) {
    const earlier = sequences.get(id);
    if (earlier !== undefined) {
      yield {
        kind: "duplicated",
        id,
        what: `${room}'s log has it under the sequences ${earlier} and ${sequence}`,
      };
      continue;
    }
    sequences.set(id, sequence);
    const message = messages.get(id);
    if (message === undefined || message.room !== room) {
      yield { kind: "not stored", id, what: `${room}'s log has it, but nobody sent it there` };
      continue;
    }
    const before = latest.get(message.connection);
    if (before !== undefined && numberOf(before.id) > numberOf(id)) {
      yield {
        kind: "reordered",
        id,
        what: `it was sent before ${before.id}, but ${room}'s log has it behind`,
      };
      continue;
    }
    latest.set(message.connection, message);
  }
}

/** Ids end in the message's number at its sender. */
const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf("-") + 1));

function* checkReceived(
  connection: Connection,
  log: readonly StoredMessage[],
  index: ReadonlyMap<string, number>,
  messages: ReadonlyMap<string, SentMessage>,
): Iterable<Violation> {
  const { number, user, server, joinedAt, joinSentAt = 0, endedAt, received } = connection;
  if (joinedAt === undefined) return;
  const name = `connection ${number} (${user} on ${server})`;
  const seen = new Set<number>();
  let last = -1;
  for (const { id, at } of received) {
    const position = index.get(id);
    if (position === undefined) {
      yield { kind: "not stored", id, what: `${name} received it at ${seconds(at)}, but no log has it` };
      continue;
    }
    if (seen.has(position)) {
      yield { kind: "duplicated", id, what: `${name} received it again at ${seconds(at)}` };
      continue;
    }
    seen.add(position);
    if (position < last) {
      yield { kind: "reordered", id, what: `${name} received it behind ${log[last]?.id}` };
    }
    last = Math.max(last, position);
    const { outcome, outcomeAt = 0 } = messages.get(id) ?? {};
    if (outcome === "accepted" && outcomeAt < joinSentAt) {
      yield {
        kind: "too early",
        id,
        what: `${name} joined at ${seconds(joinSentAt)}, when the sender had its echo, and still received it`,
      };
    }
  }
  // It was a member from `joinedAt` on, whatever it received first.
  const sentLater = log.findIndex(({ id }) => (messages.get(id)?.sentAt ?? 0) > joinedAt);
  const first = Math.min(...seen, sentLater < 0 ? log.length : sentLater);
  const end = endedAt === undefined ? log.length - 1 : last;
  for (let position = first; position <= end; position++) {
    const id = log[position]?.id ?? "";
    if (seen.has(position)) continue;
    const until = endedAt === undefined ? "the end" : seconds(endedAt);
    const around = `${log[position - 1]?.id ?? "the beginning"} and ${log[position + 1]?.id ?? "the end"}`;
    yield {
      kind: "lost",
      id,
      what: `${name} was in the room from ${seconds(joinedAt)} to ${until}, and did not receive it (between ${around})`,
    };
  }
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)} s`;
