import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { lan, loadBalancers, pods, uplink, userLink } from "./addresses.ts";
import { down, removeLeftovers } from "./down.ts";
import { firstProcessOf, inNetworkOf, inNewNamespaces } from "./namespaces.ts";
import { run } from "./run.ts";
import { findRunning, recordRunning, state } from "./state.ts";

/**
 * Starts the local Kubernetes; done when its nodes are ready. If that fails or is interrupted, nothing of it is left
 * but its logs.
 * @throws Error if one runs already, or with what did not come up.
 */
export async function up(nodes: number, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const running = await findRunning();
  if (running !== undefined)
    throw new Error(`a Kubernetes of ${running.folder} runs already; \`make kube-down\` stops it`);
  await removeLeftovers(state);
  await startNewLogs();
  try {
    await start(nodes, say, signal);
  } catch (error) {
    await down();
    signal.throwIfAborted();
    throw error;
  }
}

async function start(nodes: number, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const machineLog = join(state.logs, "machine.log");
  const program = [process.execPath, join(import.meta.dirname, "machine.ts"), String(nodes)];
  const [file = "", ...args] = inNewNamespaces(["catatonit", "--", ...program]);
  // Not in this session: it runs on when this process has ended, and Ctrl-C does not reach it.
  const machine = spawn(file, args, {
    detached: true,
    stdio: ["ignore", "pipe", openSync(machineLog, "a")],
  });
  await once(machine, "spawn", { signal });
  await recordRunning(machine.pid ?? 0);
  const firstProcess = await firstProcessOf(machine.pid ?? 0);
  await connect(firstProcess);
  const output = machine.stdout as Readable;
  await untilReady(output, say, signal, machineLog);
  await copyFile(join(state.data, "control-plane", "admin.kubeconfig"), state.kubeconfig);
  output.destroy();
  machine.unref();
}

/** A link between this machine's network and theirs, and the routes into theirs. They vanish with their namespaces. */
async function connect(firstProcess: number): Promise<void> {
  const ip = (...args: string[]): Promise<string> => run(["ip", ...args]);
  await ip("link", "add", userLink, "type", "veth", "peer", "name", "uplink", "netns", `${firstProcess}`);
  await ip("address", "add", `${uplink.user}/${uplink.prefixLength}`, "dev", userLink);
  await ip("link", "set", userLink, "up");
  const inside = (...args: string[]): Promise<string> => run(inNetworkOf(firstProcess, ["ip", ...args]));
  await inside("address", "add", `${uplink.machine}/${uplink.prefixLength}`, "dev", "uplink");
  await inside("link", "set", "uplink", "up");
  for (const network of [lan.cidr, loadBalancers.cidr, pods.cidr])
    await ip("route", "add", network, "via", uplink.machine);
}

async function untilReady(
  output: Readable,
  say: (text: string) => void,
  signal: AbortSignal,
  machineLog: string,
): Promise<void> {
  for await (const line of createInterface({ input: output, signal })) {
    if (line === "ready") return;
    if (line.startsWith("failed: ")) throw new Error(line.slice("failed: ".length));
    say(line);
  }
  signal.throwIfAborted();
  throw new Error(`it ended before it was ready:\n${readFileSync(machineLog, "utf8").slice(-2000)}`);
}

async function startNewLogs(): Promise<void> {
  await mkdir(state.folder, { recursive: true, mode: 0o700 });
  await rm(state.previousLogs, { recursive: true, force: true });
  await rename(state.logs, state.previousLogs).catch(() => {});
  await mkdir(state.logs);
}
