import { parseArgs } from "node:util";

/** One setting of a role: `--kebab-case-name` on the command line, `DISROOM_NAME` in the environment. */
export type Setting<T> = {
  readonly default: T;
  readonly description: string;
  /** Turns the text that was given into a value; throws an Error that says what is allowed. */
  readonly parse: (text: string) => T;
};

type Settings = Record<string, Setting<unknown>>;
export type ValuesOf<S extends Settings> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** A mistake in what the user gave; its message is one plain line that says what to do. */
export class UsageError extends Error {}

export function text(fallback: string, description: string): Setting<string> {
  return { default: fallback, description, parse: (given) => given };
}

export function oneOf<T extends string>(allowed: readonly T[], fallback: T, description: string): Setting<T> {
  return {
    default: fallback,
    description: `${description} (${allowed.join(", ")})`,
    parse: (given) => {
      const found = allowed.find((value) => value === given);
      if (found === undefined) throw new Error(`must be one of ${allowed.join(", ")}`);
      return found;
    },
  };
}

/** A whole number from `min` to `max`. */
export function integer(
  fallback: number,
  description: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
): Setting<number> {
  return {
    default: fallback,
    description,
    parse: (given) => {
      const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
      if (!(value >= min && value <= max)) {
        const upTo = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
        throw new Error(`must be a whole number from ${min}${upTo}`);
      }
      return value;
    },
  };
}

const unitMilliseconds: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as `250ms`, `60s`, `5m`, `720h`; undefined if it is none. */
export function parseDuration(given: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(given);
  if (match === null) return undefined;
  return Number(match[1]) * (unitMilliseconds[match[2] ?? ""] ?? Number.NaN);
}

/** The longest that a timer of Node.js can wait, in milliseconds; it fires a longer one at once. */
const longestDuration = 2 ** 31 - 1;

/** A duration such as `250ms`, `60s`, `5m`; its value is in milliseconds. */
export function duration(fallback: number, description: string, { min = 1 } = {}): Setting<number> {
  return {
    default: fallback,
    description,
    parse: (given) => {
      const value = parseDuration(given);
      if (value === undefined || value < min) throw new Error("must be a duration such as 250ms, 60s or 5m");
      if (value > longestDuration) throw new Error("must be a duration of at most 596h");
      return value;
    },
  };
}

export function flag(description: string): Setting<boolean> {
  return {
    default: false,
    description,
    parse: (given) => {
      if (given !== "true" && given !== "false") throw new Error("must be true or false");
      return given === "true";
    },
  };
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The option of a setting: `sendQueueBytes` -> `--send-queue-bytes`. */
export const optionName = (name: string): string => `--${kebab(name)}`;

/** The environment variable of a setting: `sendQueueBytes` -> `DISROOM_SEND_QUEUE_BYTES`. */
export const variableName = (name: string): string =>
  `DISROOM_${kebab(name).replaceAll("-", "_").toUpperCase()}`;

/**
 * The values of `settings` from command-line arguments, else the environment, else the defaults.
 * Throws UsageError for an unknown option or a value that is not allowed.
 */
export function readSettings<S extends Settings>(
  settings: S,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ValuesOf<S> {
  const given = parseOptions(settings, args);
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const option = given[kebab(name)];
    const source = option === undefined ? variableName(name) : optionName(name);
    const value = option ?? environment[variableName(name)];
    if (value === undefined || value === "") {
      values[name] = setting.default;
      continue;
    }
    try {
      values[name] = setting.parse(String(value));
    } catch (error) {
      throw new UsageError(`${source} ${(error as Error).message}, not "${value}"`);
    }
  }
  return values as ValuesOf<S>;
}

function parseOptions(settings: Settings, args: readonly string[]): Record<string, unknown> {
  const options: Record<string, { type: "string" | "boolean" }> = {};
  for (const [name, setting] of Object.entries(settings)) {
    options[kebab(name)] = { type: typeof setting.default === "boolean" ? "boolean" : "string" };
  }
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split("\n")[0]?.split(". To specify")[0] ?? "bad option");
  }
}
