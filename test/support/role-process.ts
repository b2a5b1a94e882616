import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ownRoleCommand } from "../../src/local/parts.ts";
import { parseRoleLine } from "../../src/local/role-log.ts";
import { eventually } from "./eventually.ts";

/** A server or a worker as a process, which is told to stop when the test is over. */
export type RoleProcess = { readonly http: string; stop(): Promise<void> };

/** Starts one; done when it is ready. `environment` holds its settings. */
export async function startRole(
  role: "server" | "worker",
  environment: Readonly<Record<string, string>>,
): Promise<RoleProcess> {
  const [file, ...args] = ownRoleCommand(role);
  const child = spawn(file, args, {
    env: { ...process.env, ...environment, DISROOM_HTTP_PORT: "0" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const http = await listening(child);
  await eventually(async () => (await fetch(`http://${http}/readyz`)).ok, { milliseconds: 30_000 });
  return { http, stop: () => stopped(child) };
}

async function listening(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error("its log is not read");
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    const { msg, http } = parseRoleLine(line) ?? {};
    if (msg !== "listening" || http === undefined) continue;
    // What comes later is read, too: a full pipe would hold the process up.
    child.stderr.resume();
    return http;
  }
  throw new Error("it ended before it listened");
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
