import { fixed } from "./policies/fixed.ts";
import { type KedaRule, keda } from "./policies/keda.ts";
import { ours } from "./policies/ours.ts";
import { type Outcome, type Point, run } from "./run.ts";
import { settings, type Trace } from "./trace.ts";

/** A policy on a trace, and what came of it. */
export type Row = Outcome & {
  readonly trace: string;
  readonly policy: "ours" | "keda" | "fixed";
  readonly rule?: KedaRule;
  readonly threshold?: number;
  readonly count?: number;
};

export const kedaRules: readonly KedaRule[] = ["sum", "max"];

/** Every whole number to 40, then 12 % more each time: lagThreshold is a whole number. */
export const thresholds: readonly number[] = (() => {
  const list = Array.from({ length: 40 }, (_, index) => index + 1);
  for (let next = 44; next < 3000; next = Math.ceil(next * 1.12)) list.push(next);
  return list;
})();

export const oursRow = (trace: Trace, record?: (point: Point) => void): Row => ({
  ...{ trace: trace.name, policy: "ours" },
  ...run(trace, ours(trace), trace.workersAtStart, record),
});

/** `isDecided` may end runs early whose outcome does not matter any more. */
export function kedaRows(trace: Trace, isDecided?: (soFar: Outcome) => boolean): Row[] {
  return kedaRules.flatMap((rule) =>
    thresholds.map((threshold) => ({
      ...{ trace: trace.name, policy: "keda" as const, rule, threshold },
      ...run(trace, keda(trace, rule, threshold), trace.workersAtStart, undefined, isDecided),
    })),
  );
}

export function fixedRows(trace: Trace): Row[] {
  const rows: Row[] = [];
  for (let count = settings.minReplicas; count <= settings.maxReplicas; count++) {
    rows.push({ ...{ trace: trace.name, policy: "fixed", count }, ...run(trace, fixed, count) });
  }
  return rows;
}
