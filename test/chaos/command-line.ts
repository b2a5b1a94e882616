import type { RoleCommand } from "../../src/local/parts.ts";

/** What the commands that run clusters to break them have in common. */

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Aborts when the command is told to end. */
export function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

/** Does the work; one that `signal` has ended is said to be broken off, with the exit code of Ctrl-C. */
export async function unlessBrokenOff(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) throw error;
    say("broken off");
    process.exitCode = 130;
  }
}

/** The number that was given for `--name`. Throws an Error that says so where it is none, or less than `least`. */
export function wholeNumber(name: string, text: string, least = 0): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`--${name} takes a whole number, not ${text}`);
}

/** The option that says how servers and workers are run, of a command's words; none where none is given. */
export function roleCommandOption(command = ""): { readonly roleCommand?: RoleCommand } {
  const [file = "", ...args] = command.split(" ");
  return file === "" ? {} : { roleCommand: (role) => [file, ...args, role] };
}
