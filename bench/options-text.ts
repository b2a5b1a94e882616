import { columns } from "../src/platform/columns.ts";
import { optionName, type Setting } from "../src/platform/settings.ts";

/** What `--help` prints: every option with its default and what it is. */
export function optionsText(settings: Readonly<Record<string, Setting<unknown>>>): string {
  const rows = Object.entries(settings).map(([name, { default: fallback, description }]) => [
    optionName(name),
    Array.isArray(fallback) ? "all" : String(fallback),
    description,
  ]);
  return columns(rows).join("\n");
}
