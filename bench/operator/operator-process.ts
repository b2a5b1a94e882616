import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lastLines, type RunningProcess, startProcess } from "../../kube/system/processes.ts";
import { nodeEnvironment, nodeFlags } from "../../src/cluster/process-settings.ts";
import { freePorts } from "../../src/local/ports.ts";
import { metricsOf, sumOfMetric } from "../measure/metrics.ts";
import { operatorContainer } from "./container.ts";
import type { Kubernetes } from "./kubernetes.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
/** How often it is asked how far it is, in milliseconds. */
const pollInterval = 100;

/** What the operator says about itself. */
export type OperatorCounts = {
  readonly reconciles: number;
  readonly isLeader: boolean;
};

export type OperatorProcess = {
  readonly pid: number;
  /** When it was started (performance.now()). */
  readonly startedAt: number;
  counts(): Promise<OperatorCounts>;
  /** Asks it again and again until it says so; throws when it ends, or takes longer than `milliseconds`. */
  until(isReached: (counts: OperatorCounts) => boolean, milliseconds: number): Promise<OperatorCounts>;
  /** The end of its log. */
  lastLines(): string[];
  stop(): Promise<void>;
};

/** `disroom operator` as in its pod: the same flags of Node.js, environment and service account. */
export async function startOperator(
  kubernetes: Kubernetes,
  name: string,
  extra: readonly string[],
): Promise<OperatorProcess> {
  const [port] = await freePorts(1);
  const server = new URL(kubernetes.server);
  const startedAt = performance.now();
  const running = startProcess({
    name,
    command: inPod([
      ...[process.execPath, ...nodeFlags, main, "operator", "--leader-election"],
      ...["--http-port", String(port), ...extra],
    ]),
    logFile: join(kubernetes.folder, `${name}.log`),
    env: {
      ...nodeEnvironment,
      ...operatorContainer().env,
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: server.port,
      // No kubeconfig is found.
      ...{ KUBECONFIG: "", HOME: kubernetes.folder },
      SERVICE_ACCOUNT: kubernetes.serviceAccountFolder,
    },
  });
  const counts = async (): Promise<OperatorCounts> => {
    const address = `127.0.0.1:${port}`;
    const text = await metricsOf(address);
    return {
      reconciles: sumOfMetric(text, "controller_runtime_reconcile_total", address),
      isLeader: sumOfMetric(text, "leader_election_master_status", address) === 1,
    };
  };
  return {
    pid: running.pid,
    startedAt,
    counts,
    until: (isReached, milliseconds) => until(running, counts, isReached, milliseconds),
    lastLines: () => lastLines(running.logFile),
    stop: () => running.stop(),
  };
}

/** Lets a program find $SERVICE_ACCOUNT where a pod has it. Nobody else sees that: it is in a mount namespace of its own. */
function inPod(command: readonly string[]): string[] {
  const isRoot = process.getuid?.() === 0;
  const script = `
    set -e
    run=$(readlink -f /var/run)
    mount -t tmpfs tmpfs "$run"
    mkdir -p "$run/secrets/kubernetes.io"
    ln -s "$SERVICE_ACCOUNT" "$run/secrets/kubernetes.io/serviceaccount"
    exec "$@"`;
  return ["unshare", ...(isRoot ? [] : ["--map-root-user"]), "--mount", "sh", "-c", script, "sh", ...command];
}

async function until(
  running: RunningProcess,
  counts: () => Promise<OperatorCounts>,
  isReached: (counts: OperatorCounts) => boolean,
  milliseconds: number,
): Promise<OperatorCounts> {
  const deadline = performance.now() + milliseconds;
  let hasEnded = false;
  void running.exited.then(() => {
    hasEnded = true;
  });
  for (;;) {
    // It does not listen yet.
    const now = await counts().catch(() => undefined);
    if (now !== undefined && isReached(now)) return now;
    if (hasEnded) throw new Error(`${running.name} has ended`);
    if (performance.now() > deadline) throw new Error(`${running.name} takes longer than ${milliseconds} ms`);
    await delay(pollInterval);
  }
}
