import type { Outcome, Point } from "./run.ts";
import { kedaRows, oursRow, type Row } from "./sweep.ts";
import { settings, type Trace } from "./trace.ts";

/** Where KEDA has to be beaten by a distance, and by how much. */
const decisive: readonly string[] = ["step", "flash-crowd"];
const distance = 0.3;

export const beats = (one: Outcome, other: Outcome): boolean =>
  one.secondsOverTarget < other.secondsOverTarget && one.workerSeconds < other.workerSeconds;

/** The row with the fewest worker-seconds of those that are over the target for no longer than ours. */
export function cheapestThatMeets(ours: Outcome, rows: readonly Row[]): Row | undefined {
  const meeting = rows.filter((row) => row.secondsOverTarget <= ours.secondsOverTarget);
  return meeting.reduce<Row | undefined>(
    (best, row) => (best === undefined || row.workerSeconds < best.workerSeconds ? row : best),
    undefined,
  );
}

/** What of the promises does not hold on this trace; nothing, if all do. */
export function brokenOn(trace: Trace): string[] {
  const points: Point[] = [];
  const ours = oursRow(trace, (point) => points.push(point));
  // Whoever can't beat ours any more makes no difference, unless it has to be beaten by a distance.
  const isDecided = (soFar: Outcome): boolean =>
    decisive.includes(trace.name)
      ? soFar.secondsOverTarget > ours.secondsOverTarget ||
        soFar.workerSeconds * (1 - distance) > ours.workerSeconds
      : soFar.secondsOverTarget >= ours.secondsOverTarget || soFar.workerSeconds >= ours.workerSeconds;
  const rows = kedaRows(trace, isDecided);
  return [
    ...rows
      .filter((row) => beats(row, ours))
      .map(
        (row) =>
          `KEDA with threshold ${row.threshold} (${row.rule}) beats ours: ${told(row)} against ${told(ours)}`,
      ),
    ...(decisive.includes(trace.name) ? notDecisive(ours, rows) : []),
    ...(trace.name === "steady" ? restless(points) : []),
  ];
}

function notDecisive(ours: Row, rows: readonly Row[]): string[] {
  const cheapest = cheapestThatMeets(ours, rows);
  if (cheapest === undefined || ours.workerSeconds <= cheapest.workerSeconds * (1 - distance)) return [];
  return [
    `threshold ${cheapest.threshold} (${cheapest.rule}) is over the target for no longer, and costs less than ${distance * 100} % more: ${told(cheapest)} against ${told(ours)}`,
  ];
}

/** Changes of direction that follow each other within one window. */
export function restless(points: readonly Point[]): string[] {
  const turns: number[] = [];
  let direction = 0;
  for (const [index, { time, workers }] of points.entries()) {
    const change = Math.sign(workers - (points[index - 1]?.workers ?? workers));
    if (change === 0) continue;
    if (direction !== 0 && change !== direction) turns.push(time);
    direction = change;
  }
  const { scaleDownDelaySeconds } = settings.lag;
  return turns
    .slice(1)
    .filter((time, index) => time - (turns[index] ?? 0) < scaleDownDelaySeconds)
    .map((time) => `the number of workers turned twice within ${scaleDownDelaySeconds} s, at ${time} s`);
}

const told = ({ secondsOverTarget, workerSeconds }: Outcome): string =>
  `${secondsOverTarget} s over the target, ${workerSeconds} worker-seconds`;
