import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { chartOf } from "./chart.ts";
import { cheapestThatMeets } from "./conditions.ts";
import { keda } from "./policies/keda.ts";
import { ours } from "./policies/ours.ts";
import { type Point, run } from "./run.ts";
import type { Row } from "./sweep.ts";
import { head, nearest, tableOf } from "./table.ts";
import { settings, type Trace } from "./trace.ts";

const page = "docs/scaling.md";
const folder = "docs/scaling";

/** Draws a trace: ours, and the threshold that comes closest to it. */
export function draw(trace: Trace, rows: readonly Row[]): void {
  const own = rows.find(({ policy }) => policy === "ours");
  const thresholds = rows.filter(({ policy }) => policy === "keda");
  const fairest = own && (cheapestThatMeets(own, thresholds) ?? nearest(own, thresholds));
  const series = [{ title: "ours", color: "#1f77b4", points: recorded(trace, ours(trace)) }];
  if (fairest?.rule !== undefined && fairest.threshold !== undefined) {
    const { rule, threshold } = fairest;
    const points = recorded(trace, keda(trace, rule, threshold));
    series.push({ title: `KEDA, threshold ${threshold} (${rule})`, color: "#d62728", points });
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${trace.name}.svg`, chartOf(trace.title, series, settings.lag.targetSeconds));
}

function recorded(trace: Trace, policy: Parameters<typeof run>[1]): Point[] {
  const points: Point[] = [];
  run(trace, policy, trace.workersAtStart, (point) => points.push(point));
  return points;
}

/** Puts the tables and drawings of all traces into the page, between its markers. */
export function writePage(traces: readonly { readonly trace: Trace; readonly rows: readonly Row[] }[]): void {
  const parts = traces.flatMap(({ trace, rows }) => [
    `### ${trace.name}: ${trace.title}`,
    "",
    ...markdown(
      tableOf(rows).map((cells) => cells.slice(1)),
      head.slice(1),
    ),
    "",
    `![${trace.title}](scaling/${trace.name}.svg)`,
    "",
  ]);
  const before = readFileSync(page, "utf8");
  const after = before.replace(
    /(<!-- results -->\n)[\s\S]*(<!-- \/results -->)/,
    (_, begin, end) => `${begin}\n${parts.join("\n")}\n${end}`,
  );
  writeFileSync(page, after);
}

const markdown = (rows: readonly (readonly string[])[], titles: readonly string[]): string[] => [
  `| ${titles.join(" | ")} |`,
  `|${titles.map((_, column) => (column === 0 ? " --- " : " ---: ")).join("|")}|`,
  ...rows.map((cells) => `| ${cells.join(" | ")} |`),
];
