import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach } from "vitest";
import { eventually } from "./eventually.ts";

/** A `disroom up` that a test runs and watches. */
export type Up = {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  /** The first line that matches, once there is one. Throws when the process ends first. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Process ids of the parts by name, as the table says. */
  pids(): Map<string, number>;
  /** Its exit code, once it is gone. */
  readonly exitCode: Promise<number | null>;
};

const running = new Set<ChildProcess>();

// Whatever a test leaves behind; the parts follow.
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `disroom up` from the sources. */
export function startUp(args: readonly string[], environment: Record<string, string> = {}): Up {
  const child = spawn(process.execPath, ["src/main.ts", "up", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  let ended = false;
  const exitCode = once(child, "close").then(([code]) => {
    ended = true;
    running.delete(child);
    return code as number | null;
  });
  return {
    process: child,
    lines,
    exitCode,
    line: (pattern) =>
      eventually(
        () => {
          for (const line of lines) {
            const match = pattern.exec(line);
            if (match !== null) return match;
          }
          if (ended) throw new Error(`it ended without a line like ${pattern}:\n${lines.join("\n")}`);
          return false;
        },
        { milliseconds: 60_000 },
      ),
    pids: () =>
      new Map(
        lines.flatMap((line) => {
          const row = /^ {2}(\S+-\d|redis) +(\d+) /.exec(line);
          return row === null ? [] : [[row[1] ?? "", Number(row[2])] as const];
        }),
      ),
  };
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
