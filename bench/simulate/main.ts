// Worker scaling by simulation: our policy beside KEDA's and fixed counts, on the same traces. docs/scaling.md tells
// what is modelled.

import { columns } from "../../src/platform/columns.ts";
import { optionName, readSettings, UsageError } from "../../src/platform/settings.ts";
import { brokenOn } from "./conditions.ts";
import { draw, writePage } from "./document.ts";
import { simulateSettings } from "./settings.ts";
import { fixedRows, kedaRows, oursRow } from "./sweep.ts";
import { head, tableOf } from "./table.ts";
import { scenarios, traceOf } from "./traces.ts";

function help(): string {
  const rows = Object.entries(simulateSettings).map(([name, { default: fallback, description }]) => [
    optionName(name),
    fallback === false ? "" : String(fallback),
    description,
  ]);
  return columns(rows).join("\n");
}

function main(args: string[]): void {
  const { seed, seeds, json, check: checks, docs, help: asked } = readSettings(simulateSettings, args, {});
  if (asked) return console.log(help());
  if (checks) return check(seed, seeds);
  const results = scenarios.map((scenario) => {
    const trace = traceOf(scenario, seed);
    const rows = [oursRow(trace), ...kedaRows(trace), ...fixedRows(trace)];
    if (json) for (const row of rows) console.log(JSON.stringify(row));
    return { trace, rows };
  });
  if (!json) console.log(columns([[...head], ...results.flatMap(({ rows }) => tableOf(rows))]).join("\n"));
  if (!docs) return;
  for (const { trace, rows } of results) draw(trace, rows);
  writePage(results);
}

function check(first: number, count: number): void {
  let broken = 0;
  for (let seed = first; seed < first + count; seed++) {
    const problems = scenarios.flatMap((scenario) =>
      brokenOn(traceOf(scenario, seed)).map((problem) => `seed ${seed}, ${scenario.name}: ${problem}`),
    );
    for (const problem of problems) console.log(problem);
    if (problems.length > 0) broken++;
  }
  console.log(`${count - broken} of ${count} seeds hold`);
  if (broken > 0) process.exitCode = 1;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
