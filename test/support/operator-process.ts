import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll } from "vitest";
import { eventually } from "./eventually.ts";

/** A `disroom operator` that a test runs and watches. */
export type OperatorProcess = {
  readonly child: ChildProcess;
  readonly said: string[];
  /** What it logs with this message, once it does. */
  says(message: string): Promise<Record<string, unknown>>;
};

const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts one from the sources, which takes part in the election; it ends with the file's last test. */
export function startOperator(kubeconfig: string, ...args: string[]): OperatorProcess {
  const flags = ["--leader-election", "--lease-namespace", "default", "--http-port", "0", ...args];
  const child = spawn(process.execPath, ["src/main.ts", "operator", ...flags], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.push(child);
  const said: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  return {
    child,
    said,
    says: (message) =>
      eventually(() => said.map((line) => JSON.parse(line)).find(({ msg }) => msg === message) ?? false, {
        milliseconds: 60_000,
      }),
  };
}
