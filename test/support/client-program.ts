import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect } from "vitest";
import { eventually } from "./eventually.ts";

/** A real client program, typed into through its standard input. */
export type ClientProgram = {
  type(...lines: string[]): void;
  /** Types without a line end. */
  write(text: string): void;
  /** Ends its standard input. */
  endInput(): void;
  /** Resolves when it has printed this, behind what was waited for before, with the match. */
  prints(expected: string | RegExp): Promise<RegExpExecArray>;
  /** All that it has printed; when it has ended. */
  output(): Promise<string>;
};

const running = new Set<ChildProcess>();

// Whatever a test leaves behind.
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts it; it is killed when its test has ended. */
export function runClient(command: string, ...args: string[]): ClientProgram {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
  running.add(child);
  let text = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  const closed = once(child, "close").then(() => running.delete(child));
  return {
    type: (...lines) => void child.stdin.write(lines.map((line) => `${line}\n`).join("")),
    write: (typed) => void child.stdin.write(typed),
    endInput: () => void child.stdin.end(),
    prints: async (expected) => {
      const pattern = typeof expected === "string" ? new RegExp(escaped(expected)) : expected;
      const found = await eventually(
        () => {
          const match = pattern.exec(text.slice(seen));
          if (match === null) expect(text.slice(seen)).toMatch(pattern);
          return match ?? false;
        },
        { milliseconds: 30_000 },
      );
      seen += found.index + found[0].length;
      return found;
    },
    output: async () => {
      await closed;
      return text;
    },
  };
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
