import { type ChaosResult, isBad } from "./chaos.ts";
import type { Violation, ViolationKind } from "./checker.ts";
import type { Fault } from "./faults.ts";

/** How many violations are shown with their history, and how many deliveries of one. */
const shownViolations = 5;
const shownDeliveries = 30;
/** Faults this long before a message was sent are part of its history, in milliseconds. */
const before = 15_000;

/** What a run has shown, as lines: a table, and the history of what was wrong. */
export function report(result: ChaosResult): string[] {
  const { history, faults, pauses, violations, troubles, outages, seed, milliseconds, startedAt } = result;
  const outcomes = { accepted: 0, refused: 0, unknown: 0 };
  for (const { outcome } of history.messages.values()) if (outcome !== undefined) outcomes[outcome]++;
  const count = (...kinds: ViolationKind[]): number =>
    new Set(violations.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id)).size;

  const rows = [...pauses]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([kind, pause]) => {
      const times = faults.filter((fault) => fault.kind === kind).length;
      return `  ${kind.padEnd(22)}${String(times).padStart(6)}${`${(pause / 1000).toFixed(1)} s`.padStart(16)}`;
    });
  const lines = [
    "",
    `  ${"fault".padEnd(22)}${"times".padStart(6)}${"longest pause".padStart(16)}`,
    ...rows,
    "",
    ...Object.entries({
      ...outcomes,
      lost: count("lost"),
      duplicated: count("duplicated"),
      reordered: count("reordered"),
      "refused but stored": count("refused but stored"),
      "not stored": count("not stored"),
      "from before the join": count("too early"),
      forgotten: count("forgotten"),
      "without service > 20 s": outages.length,
      "other troubles": troubles.length,
      connections: history.connections.length,
      seconds: Math.round(milliseconds / 1000),
      seed,
    }).map(([name, value]) => `  ${name.padEnd(22)}${String(value).padStart(6)}`),
  ];
  if (isBad(result)) lines.push("", `Times are seconds after ${startedAt.toISOString()}`);
  for (const trouble of troubles) lines.push("", trouble);
  for (const { user, from, to } of outages) {
    lines.push("", `${user} had no echo from ${at(from)} to ${at(to)} although enough was well`);
    lines.push(...faultLines(faults, from - before, to));
  }
  // What is wrong comes before what is only worth knowing.
  const told = [...violations].sort(
    (one, other) => Number(one.kind === "too early") - Number(other.kind === "too early"),
  );
  for (const violation of told.slice(0, shownViolations)) lines.push("", ...story(violation, result));
  if (told.length > shownViolations) {
    lines.push("", `and ${told.length - shownViolations} more:`);
    for (const { kind, id, what } of told.slice(shownViolations, 50)) lines.push(`${kind}: ${id}: ${what}`);
  }
  return lines;
}

/** All that is known of one message. */
function story({ kind, id, what }: Violation, { history, faults }: ChaosResult): string[] {
  const lines = [`${kind}: ${id}: ${what}`];
  const message = history.messages.get(id);
  if (message === undefined) return lines;
  const { room, user, connection, sentAt, outcome, outcomeAt, answer } = message;
  const {
    server = "?",
    openedAt = 0,
    joinedAt = 0,
    endedAt,
    endedBy,
  } = history.connections[connection] ?? {};
  lines.push(
    `  sent ${at(sentAt)} by ${user} to ${room}, via ${server}`,
    `  over connection ${connection}: opened ${at(openedAt)}, joined ${at(joinedAt)}, ` +
      (endedAt === undefined ? "open to the end" : `${endedBy} ${at(endedAt)}`),
    `  outcome: ${outcome} ${at(outcomeAt ?? 0)}: ${answer}`,
  );
  const log = history.logs.get(room) ?? [];
  const stored = log.filter((entry) => entry.id === id);
  for (const entry of stored) {
    const position = log.indexOf(entry);
    lines.push(
      `  stored ${at(entry.storedAt)} as sequence ${entry.sequence}, batch ${entry.batch}; in the log's order:`,
    );
    for (const near of log.slice(Math.max(0, position - 3), position + 4)) {
      lines.push(
        `    ${near === entry ? ">" : " "} ${near.id} (${near.sequence}, ${near.batch}, ${at(near.storedAt)})`,
      );
    }
  }
  if (stored.length === 0) lines.push("  not in the log");
  const members = history.connections.filter((each) => each.room === room && each.joinedAt !== undefined);
  let shown = 0;
  for (const {
    number,
    user: name,
    server: theirs,
    joinedAt: joined = 0,
    endedAt: ended,
    received,
  } of members) {
    const times = received.filter((each) => each.id === id).map((each) => at(each.at));
    const wasThere = joined < sentAt && (ended === undefined || ended > sentAt);
    if ((times.length === 0 && !wasThere) || ++shown > shownDeliveries) continue;
    lines.push(
      `  received by ${number} (${name} on ${theirs}, ${at(joined)} to ${ended === undefined ? "the end" : at(ended)}): ` +
        (times.join(", ") || "no"),
    );
  }
  lines.push(...faultLines(faults, sentAt - before, (outcomeAt ?? sentAt) + 5000));
  return lines;
}

const faultLines = (faults: readonly Fault[], from: number, to: number): string[] =>
  faults
    .filter(({ startedAt, endedAt = Number.POSITIVE_INFINITY }) => startedAt <= to && endedAt >= from)
    .map(({ what, startedAt, endedAt }) => `  fault ${at(startedAt)} to ${at(endedAt ?? 0)}: ${what}`);

const at = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)} s`;
