import { columns } from "./platform/columns.ts";
import { optionName, type Setting, variableName } from "./platform/settings.ts";

export type Command = { readonly description: string; readonly settings: Record<string, Setting<unknown>> };

/** What `disroom --help` prints. */
export function overview(commands: Readonly<Record<string, Command>>): string {
  const rows = Object.entries(commands).map(([name, { description }]) => [`  ${name}`, description]);
  return `DisRoom: distributed text chat for nc

Usage: disroom <command> [options]

Commands:
${columns(rows).join("\n")}

disroom <command> --help lists the options of a command; disroom --version prints the version.
`;
}

/** What `disroom <command> --help` prints: its settings, each with option, variable and default. */
export function commandHelp(name: string, { description, settings }: Command): string {
  const rows = Object.entries(settings).map(
    ([setting, { default: fallback, description: meaning, parse }]) => [
      `  ${optionName(setting)}`,
      variableName(setting),
      shownDefault(fallback, parse),
      meaning,
    ],
  );
  return `disroom ${name}: ${description}

Each option can be given as a variable of the environment instead; the option wins.

${columns([["  option", "variable", "default", ""], ...rows]).join("\n")}
`;
}

/** A default as one would write it: a duration, which has milliseconds as its value, gets its unit back. */
export function shownDefault(value: unknown, parse: (text: string) => unknown): string {
  if (value === undefined) return "-";
  if (typeof value !== "number" || accepts(parse, String(value))) return String(value);
  return value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`;
}

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
