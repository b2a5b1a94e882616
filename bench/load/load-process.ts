import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadOptions, LoadResult } from "./options.ts";

/** Seconds beyond its warm-up and its time: for the rest, a silence that shows a loss, and for each connection. */
const allowance = 120;
const connectionAllowance = 0.04;

type Answer = { readonly result?: LoadResult; readonly error?: string };

/** Runs the load generator in a new process: each run begins as cold as any other. Throws if it fails as a whole. */
export async function loadProcess(options: LoadOptions): Promise<LoadResult> {
  const child = fork(fileURLToPath(new URL("./load-child.ts", import.meta.url)));
  const connections = options.rooms.length * options.members;
  const limit = options.warmupSeconds + options.seconds + allowance + connections * connectionAllowance;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, limit * 1000);
  try {
    const { result, error } = await new Promise<Answer>((resolve, reject) => {
      child.once("message", (answer) => resolve(answer as Answer));
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(
          new Error(
            isLate
              ? `the load generator was not done after ${Math.round(limit)} s`
              : `the load generator ended with ${signal ?? `exit code ${code}`}`,
          ),
        ),
      );
      child.send(options);
    });
    if (result === undefined) throw new Error(error ?? "the load generator gave no result");
    // NaN becomes null on the way.
    const latency = Object.fromEntries(
      Object.entries(result.latency).map(([name, value]) => [name, value ?? Number.NaN]),
    ) as LoadResult["latency"];
    return { ...result, latency };
  } finally {
    clearTimeout(timer);
  }
}
