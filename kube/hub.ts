import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { lan, ports, services } from "./addresses.ts";
import { LoadBalancer } from "./cloud/load-balancer.ts";
import { VolumeProvisioner } from "./cloud/volumes.ts";
import { type ControlPlane, startControlPlane } from "./control-plane/control-plane.ts";
import { imagesFolder } from "./images/layout.ts";
import { startRegistry } from "./images/registry.ts";
import { KubernetesNode } from "./node/node.ts";
import { serveNodePower } from "./node/power.ts";
import { state } from "./state.ts";
import { kubectlAs } from "./system/kubectl.ts";
import { lastLines } from "./system/processes.ts";
import { run } from "./system/run.ts";

/**
 * Runs in the namespaces that kube-up opens, until it is killed: the control plane, the nodes, the image registry, the
 * router between them and the rest, and stand-ins for what a cloud does (addresses of load balancers, volumes). It says
 * on its standard output how far it is, and last "ready", or "failed: " and why.
 */

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const nodeCount = Number(process.argv[2]);

async function createLan(): Promise<void> {
  await run("ip link set lo up");
  // Without an address of its own it would take one of its ports, and another one with each node that comes.
  await run(`ip link add lan address ${lan.hubLinkAddress} type bridge`);
  await run(`ip address add ${lan.hub}/${lan.prefixLength} dev lan`);
  await run("ip link set lan up");
  await run("sysctl -qw net.ipv4.ip_forward=1");
  // Connections that were open when all was killed do not keep this network alive for minutes.
  await run("sysctl -qw net.ipv4.tcp_orphan_retries=1");
  // Connections from one client are spread over the nodes too.
  await run("sysctl -qw net.ipv4.fib_multipath_hash_policy=1");
}

async function startNodes({ server, authority }: ControlPlane): Promise<KubernetesNode[]> {
  const nodes = Array.from({ length: nodeCount }, (_, index) => {
    const name = `node-${index + 1}`;
    return new KubernetesNode({
      name,
      index,
      count: nodeCount,
      folder: join(state.data, name),
      logs: join(state.logs, name),
      server,
      authority,
    });
  });
  for (const node of nodes) await node.powerOn();
  return nodes;
}

/** Does what there is to do again and again, as a controller that has missed nothing; a failure is said once. */
async function keepUpdating(name: string, update: () => Promise<void>): Promise<void> {
  let last = "";
  for (;;) {
    const problem = await update().then(
      () => "",
      (error: Error) => error.message,
    );
    if (problem !== last && problem !== "") console.error(`${name}: ${problem}`);
    last = problem;
    await delay(500);
  }
}

async function main(): Promise<void> {
  await mkdir(state.logs, { recursive: true });
  await createLan();
  await startRegistry({ folder: imagesFolder(), address: lan.hub, port: ports.registry });
  say("starting the control plane");
  const controlPlane = await startControlPlane({
    folder: join(state.data, "control-plane"),
    logs: state.logs,
    address: lan.hub,
    port: ports.apiServer,
    serviceCidr: services.cidr,
    scheduler: true,
    // Nodes have names that only Kubernetes knows.
    apiServerArgs: ["--kubelet-preferred-address-types=InternalIP"],
  });
  controlPlane.keepRunning();
  say(`starting ${nodeCount} ${nodeCount === 1 ? "node" : "nodes"}`);
  const nodes = await startNodes(controlPlane);
  await serveNodePower(nodes);
  const config = new KubeConfig();
  config.loadFromFile(controlPlane.kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const loadBalancer = new LoadBalancer(
    api,
    nodes.map((node) => node.address),
  );
  const volumes = new VolumeProvisioner(api, new Map(nodes.map((node) => [node.name, node.disk])));
  void keepUpdating("load balancer", () => loadBalancer.update());
  void keepUpdating("volumes", () => volumes.update());
  const manifests = join(import.meta.dirname, "manifests");
  await kubectlAs(controlPlane.kubeconfig, "apply", "--server-side", "-f", manifests);
  say("waiting for the nodes and for cluster DNS");
  await untilRegistered(api, nodes);
  await kubectlAs(
    controlPlane.kubeconfig,
    "wait",
    "--for=condition=Ready",
    "nodes",
    "--all",
    "--timeout=120s",
  );
  await kubectlAs(
    controlPlane.kubeconfig,
    "--namespace=kube-system",
    "rollout",
    "status",
    "deployment/coredns",
    "--timeout=120s",
  );
  await copyFile(controlPlane.kubeconfig, state.kubeconfig);
  say("ready");
  isReady = true;
}

async function untilRegistered(api: CoreV1Api, nodes: readonly KubernetesNode[]): Promise<void> {
  for (const end = Date.now() + 120_000; ; await delay(200)) {
    const { items } = await api.listNode();
    const missing = nodes.find(({ name }) => !items.some((item) => item.metadata?.name === name));
    if (missing === undefined) return;
    if (Date.now() < end) continue;
    const log = join(state.logs, missing.name, "kubelet.log");
    const lines = lastLines(log).join("\n  ");
    throw new Error(
      `${missing.name} has not registered within 2 minutes; the last lines of ${log}:\n  ${lines}`,
    );
  }
}

// Keys have a mode of their own; what containers get to see must be open to those who are not root.
process.umask(0o022);
// All that is spoken to here is near.
process.env.NO_PROXY = process.env.no_proxy = "*";
let isReady = false;
// Whoever started this leaves when it is ready. Before, nobody could use it or would stop it.
process.stdout.on("error", () => {
  if (!isReady) process.exit(1);
});
try {
  await main();
} catch (error) {
  say(`failed: ${(error as Error).message}`);
  process.exitCode = 1;
  // What it has started ends with it.
  process.stdout.end(() => process.exit());
}
