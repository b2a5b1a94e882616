import { beats, cheapestThatMeets } from "./conditions.ts";
import type { Outcome } from "./run.ts";
import type { Row } from "./sweep.ts";

export const head = [
  "trace",
  "policy",
  "s over target",
  "longest lag, s",
  "worker-seconds",
  "changes",
] as const;

/** The rows worth reading of one trace: ours, KEDA's fairest, its default, and the best fixed count. */
export function tableOf(rows: readonly Row[]): string[][] {
  const ours = rows.find(({ policy }) => policy === "ours");
  if (ours === undefined) return [];
  const keda = rows.filter(({ policy }) => policy === "keda");
  const fixed = rows.filter(({ policy }) => policy === "fixed");
  const meets = cheapestThatMeets(ours, keda);
  const line = (title: string, row: Row | undefined): string[] =>
    row === undefined
      ? [ours.trace, `${title}: none`, "-", "-", "-", "-"]
      : [ours.trace, `${title}${named(row)}`, ...figures(row)];
  const beating = keda.filter((row) => beats(row, ours));
  return [
    line("ours", ours),
    line("KEDA, cheapest that meets our time over target", meets),
    line("KEDA, least over target at no more than our cost", nearest(ours, keda)),
    line(
      "KEDA, its default",
      keda.find(({ rule, threshold }) => rule === "max" && threshold === 10),
    ),
    line("fixed, cheapest that meets our time over target", cheapestThatMeets(ours, fixed)),
    ...(beating.length === 0 ? [] : [line("KEDA, beats ours", beating[0])]),
  ];
}

/** Of the rows that cost no more than ours, the one that is over the target for the shortest time. */
export function nearest(ours: Outcome, rows: readonly Row[]): Row | undefined {
  const affordable = rows.filter(({ workerSeconds }) => workerSeconds <= ours.workerSeconds);
  return affordable.reduce<Row | undefined>(
    (best, row) => (best === undefined || row.secondsOverTarget < best.secondsOverTarget ? row : best),
    undefined,
  );
}

const named = ({ rule, threshold, count }: Row): string => {
  if (threshold !== undefined) return ` (threshold ${threshold}, ${rule})`;
  return count === undefined ? "" : ` (${count} workers)`;
};

const figures = ({ secondsOverTarget, longestLagSeconds, workerSeconds, changes }: Outcome): string[] => [
  secondsOverTarget.toFixed(1),
  longestLagSeconds.toFixed(1),
  Math.round(workerSeconds).toLocaleString("en-US"),
  String(changes),
];
