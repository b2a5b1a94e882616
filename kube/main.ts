import { toolsFolder } from "../src/local/binaries.ts";
import { down } from "./down.ts";
import { checkMachine } from "./machine.ts";
import { switchNode } from "./node/power.ts";
import { findRunning, state } from "./state.ts";
import { up } from "./up.ts";

/** The commands behind `make kube-up`, `kube-down`, `kube-node-off`, `kube-node-on` and `make e2e`. */

const usage = "Usage: main.ts check | up [NODES] | running | down | off NODE | on NODE";

const mostNodes = 9;

function say(line: string): void {
  console.log(`kube: ${line}`);
}

async function kubeUp(count: string): Promise<void> {
  const nodes = Number(count);
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes <= mostNodes))
    throw new Error(`"${count}" is no number of nodes from 1 to ${mostNodes}`);
  const interrupted = new AbortController();
  // Whoever presses Ctrl-C again does not keep it from tidying up.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => interrupted.abort(new Error("interrupted; nothing but its logs is left")));
  await up(nodes, say, interrupted.signal);
  say("ready; to use it:");
  const proxied = Object.keys(process.env).some((name) => /^https?_proxy$/i.test(name));
  console.log(`
  export KUBECONFIG="${state.kubeconfig}"
  export PATH="$PATH:${toolsFolder(process.env)}"${proxied ? `\n  export NO_PROXY="198.18.0.0/15,$NO_PROXY"` : ""}
  kubectl get nodes

Its logs are in ${state.logs}; \`make kube-down\` stops it.`);
}

async function kubeDown(): Promise<void> {
  const ran = await down();
  say(
    ran ? "stopped; nothing but its logs is left" : "none runs; nothing but logs is left of an earlier one",
  );
}

async function expectRunning(): Promise<void> {
  const running = await findRunning();
  if (running === undefined) throw new Error("none runs");
  say(`one of ${running.folder} runs`);
}

async function main([command, argument = "", ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new Error(usage);
  if (command === "up") return kubeUp(argument || "3");
  if (command === "check" && argument === "") return checkMachine();
  if (command === "running" && argument === "") return expectRunning();
  if (command === "down" && argument === "") return kubeDown();
  if (command === "off" || command === "on") return say(await switchNode(argument, command));
  throw new Error(usage);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`kube: ${(error as Error).message}`);
  process.exitCode = 1;
}
