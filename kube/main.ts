import { toolsFolder } from "../src/local/binaries.ts";
import { down } from "./down.ts";
import { switchNode } from "./node-power.ts";
import { findRunning, state } from "./state.ts";
import { up } from "./up.ts";

/** The commands behind `make kube-up`, `kube-down`, `kube-node-off` and `kube-node-on`. */

const usage = `Usage: main.ts up [NODES] | down | off NODE | on NODE`;

const mostNodes = 9;

function say(line: string): void {
  console.log(`kube: ${line}`);
}

async function kubeUp(count: string): Promise<void> {
  const nodes = Number(count);
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes <= mostNodes))
    throw new Error(`"${count}" is no number of nodes from 1 to ${mostNodes}`);
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => interrupted.abort(new Error("interrupted; nothing but its logs is left")));
  await up(nodes, say, interrupted.signal);
  say("ready; to use it:");
  console.log(`
  export KUBECONFIG=${state.kubeconfig}
  export PATH="$PATH:${toolsFolder(process.env)}"
  kubectl get nodes

Its logs are in ${state.logs}; \`make kube-down\` stops it.`);
}

async function kubeDown(): Promise<void> {
  const running = await findRunning();
  await down();
  say(
    running === undefined
      ? "none runs; nothing is left of an earlier one"
      : "stopped; nothing but its logs is left",
  );
}

async function main([command, argument = "", ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new Error(usage);
  if (command === "up") return kubeUp(argument || "3");
  if (command === "down" && argument === "") return kubeDown();
  if (command === "off" || command === "on") return say(await switchNode(argument, command));
  throw new Error(usage);
}

try {
  if (process.getuid?.() !== 0 || process.platform !== "linux")
    throw new Error("a Kubernetes on this machine needs Linux and root");
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`kube: ${(error as Error).message}`);
  process.exitCode = 1;
}
