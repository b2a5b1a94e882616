import type { Machine } from "./machine.ts";
import type { Section } from "./section.ts";

/** The whole report as Markdown; `whenWell` is what it says where nothing failed. */
export function markdownOf(
  machine: Machine,
  sections: readonly Section[],
  plot: string | undefined,
  whenWell: string,
): string {
  const failures = sections.flatMap(({ failures }) => failures);
  const lines = [
    "# Benchmark",
    "",
    ...Object.entries(machine).map(([what, value]) => `- ${what}: ${value}`),
    "",
    failures.length === 0 ? whenWell : `**${failures.length} failures**, listed with their tables.`,
    "",
    ...(plot === undefined ? [] : [`![Latency against offered load](${plot})`, ""]),
    ...sections.flatMap((section) => [...sectionLines(section), ""]),
  ];
  return lines.join("\n");
}

export function sectionLines({ id, title, notes, columns, rows, failures }: Section): string[] {
  return [
    `## ${id}: ${title}`,
    "",
    ...table([columns, ...rows]),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `- ${note}`)]),
    ...(failures.length === 0 ? [] : ["", ...failures.map((failure) => `- **failed**: ${failure}`)]),
  ];
}

/** The first row is the head. Columns are aligned, so that it can be read as it is. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(cells[column] ?? "", width, column)).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)];
}

const pad = (cell: string, width: number, column: number): string =>
  column === 0 ? cell.padEnd(width) : cell.padStart(width);
