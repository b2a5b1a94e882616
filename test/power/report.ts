import type { PowerFailureOptions, PowerFailureResult } from "./power-failure.ts";

const shownViolations = 10;

export const heading = row("nodes", "failing", "fsync", "accepted", "lost", "doubled", "chats again after");

/** One round as a line of the table below `heading`, and what is wrong with it below that. */
export function report(
  { nats, failing = nats, sync }: PowerFailureOptions,
  { accepted, lost, doubled, backAfter, violations, troubles, folder }: PowerFailureResult,
): string[] {
  const time = backAfter === undefined ? "never" : `${(backAfter / 1000).toFixed(1)} s`;
  const lines = [row(nats, failing, sync ? "yes" : "no", accepted, lost ?? "?", doubled ?? "?", time)];
  for (const { kind, id, what } of violations.slice(0, shownViolations))
    lines.push(`    ${kind}: ${id}: ${what}`);
  if (violations.length > shownViolations) lines.push(`    and ${violations.length - shownViolations} more`);
  for (const trouble of troubles) lines.push(`    ${trouble}`);
  if (lines.length > 1) lines.push(`    the logs of the parts are in ${folder}/logs`);
  return lines;
}

function row(...cells: readonly (string | number)[]): string {
  return cells.map((cell, column) => String(cell).padStart(column < 6 ? 10 : 20)).join("");
}
