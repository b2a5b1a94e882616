import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { lan, loadBalancers, pods, uplink, userLink } from "./addresses.ts";
import { stop } from "./down.ts";
import { checkMachine, checkPaths } from "./machine.ts";
import { alone, findRunning, recordRunning, state } from "./state.ts";
import { firstProcessOf, inNetworkOf, inNewNamespaces } from "./system/namespaces.ts";
import { lastLines } from "./system/processes.ts";
import { run } from "./system/run.ts";

/**
 * Starts the local Kubernetes; done when its nodes are ready. If that fails or is interrupted, nothing of it is left
 * but its logs.
 * @throws Error if one runs already, if this machine can't run one, or with what did not come up.
 */
export function up(nodes: number, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  return alone(async () => {
    const running = await findRunning();
    if (running !== undefined)
      throw new Error(`a Kubernetes of ${running.folder} runs already; \`make kube-down\` stops it`);
    await stop();
    await checkMachine();
    await checkPaths();
    await startNewLogs();
    signal.throwIfAborted();
    const hub = startHub(nodes);
    try {
      await once(hub, "spawn");
      await recordRunning(hub.pid ?? 0);
      await connect(await firstProcessOf(hub.pid ?? 0));
      await untilReady(hub.stdout as Readable, say, signal);
    } catch (error) {
      hub.kill("SIGKILL");
      await stop().catch((problem: Error) => say(`could not remove all of it: ${problem.message}`));
      throw error;
    }
    hub.stdout?.destroy();
    hub.unref();
  });
}

const hubLog = join(state.logs, "hub.log");

function startHub(nodes: number): ChildProcess {
  const program = [process.execPath, join(import.meta.dirname, "hub.ts"), String(nodes)];
  const [file = "", ...args] = inNewNamespaces(["catatonit", "--", ...program]);
  const log = openSync(hubLog, "a", 0o600);
  // Not in this session: it runs on when this process has ended, and Ctrl-C does not reach it.
  const hub = spawn(file, args, { detached: true, stdio: ["ignore", "pipe", log] });
  closeSync(log);
  return hub;
}

/** A link between this machine's network and theirs, and the routes into theirs. They vanish with their namespaces. */
async function connect(firstProcess: number): Promise<void> {
  const inside = (command: string) => run(inNetworkOf(firstProcess, command));
  await run(`ip link add ${userLink} type veth peer name uplink netns ${firstProcess}`);
  await run(`ip address add ${uplink.user}/${uplink.prefixLength} dev ${userLink}`);
  await run(`ip link set ${userLink} up`);
  await inside(`ip address add ${uplink.hub}/${uplink.prefixLength} dev uplink`);
  await inside("ip link set uplink up");
  for (const network of [lan.cidr, loadBalancers.cidr, pods.cidr])
    await run(`ip route add ${network} via ${uplink.hub}`);
}

/** Reads what the hub says: how far it is, then that it is ready, or that it failed and why. */
async function untilReady(hub: Readable, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  let failure: string[] | undefined;
  for await (const line of createInterface({ input: hub, signal })) {
    if (line === "ready") return;
    if (failure !== undefined) failure.push(line);
    else if (line.startsWith("failed: ")) failure = [line.slice("failed: ".length)];
    else say(line);
  }
  signal.throwIfAborted();
  if (failure !== undefined) throw new Error(failure.join("\n"));
  throw new Error(
    `it ended before it was ready; the last lines of ${hubLog}:\n  ${lastLines(hubLog).join("\n  ")}`,
  );
}

async function startNewLogs(): Promise<void> {
  await mkdir(state.folder, { recursive: true, mode: 0o700 });
  await rm(state.previousLogs, { recursive: true, force: true });
  await rename(state.logs, state.previousLogs).catch(() => {});
  await mkdir(state.logs);
}
