import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type ProcessPlan = {
  readonly name: string;
  readonly command: readonly string[];
  /** What it prints is added to this file. */
  readonly logFile: string;
  /** What differs from the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its working directory; without it, the one of this process. */
  readonly folder?: string;
};

export type RunningProcess = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** How it ended, once it has. */
  readonly exited: Promise<Exit>;
  /** Sends a signal, and kills it if it has not ended in time; done when it is gone. */
  stop(signal?: NodeJS.Signals, withinMs?: number): Promise<void>;
};

/**
 * Starts a program that does not outlive this process, even when this process is killed: setpriv lets the
 * kernel kill it then, and becomes the program. What the program itself starts is not included. In a thread
 * (worker_threads), it does not outlive the thread.
 */
export function startProcess({ name, command, logFile, env, folder }: ProcessPlan): RunningProcess {
  const log = openSync(logFile, "a", 0o600);
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
    // A session of its own: Ctrl-C reaches this process only, which then stops what it started in order.
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...env },
    cwd: folder,
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    child.once("error", () => {});
    throw new Error(`${name} cannot be started; is there a setpriv (Debian package util-linux)?`);
  }
  let isOver = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      isOver = true;
      resolve({ code, signal });
    });
  });
  return {
    name,
    pid,
    logFile,
    exited,
    async stop(signal = "SIGTERM", withinMs = 10_000) {
      if (isOver) return;
      child.kill(signal);
      const killer = setTimeout(() => child.kill("SIGKILL"), withinMs);
      await exited;
      clearTimeout(killer);
    },
  };
}

/** The last lines of a log file. */
export function lastLines(file: string, count = 10): string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count);
}
