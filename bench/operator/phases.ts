import { setTimeout as delay } from "node:timers/promises";
import { Credentials } from "../../src/operator/kube/credentials.ts";
import { cpuBetween, type Processes, type Usage, usageOf } from "../measure/processes.ts";
import { type AuditedRequest, isWrite } from "./audit.ts";
import { type ChangeTimes, timeChanges } from "./changes.ts";
import { Fleet } from "./fleet.ts";
import { type Kubernetes, startKubernetes } from "./kubernetes.ts";
import { type OperatorProcess, startOperator } from "./operator-process.ts";
import type { OperatorBenchSettings } from "./settings.ts";

/** How long anything may take, in milliseconds: far longer than it does on a busy machine. */
const phaseLimit = 3_600_000;
/** What writes nothing for this long, in milliseconds, is done. */
const quietFor = 15_000;

/** What happened from one moment to the next. */
export type Phase = {
  readonly seconds: number;
  readonly requests: readonly AuditedRequest[];
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Of the operator at its end, in bytes. */
  readonly memory: Pick<Usage, "resident" | "peak">;
};

export type Start = {
  /** Seconds from the process's start until it had seen to each ChatCluster. */
  readonly seconds: number;
  /** From its start until it wrote nothing any more. */
  readonly settled: Phase;
};

export type OperatorResult = {
  readonly clusters: number;
  readonly objects: number;
  readonly pods: number;
  readonly cold: Start;
  readonly warm: Start;
  readonly steady: Phase & { readonly reconciles: number };
  readonly changes: ChangeTimes;
  readonly changePhase: Phase;
};

/** Runs the operator on a real control plane through all that is measured. */
export async function measureOperator(
  settings: OperatorBenchSettings,
  say: (line: string) => void,
): Promise<OperatorResult> {
  const { clusters, steadySeconds } = settings;
  const operatorArgs = [
    ...["--requests-per-second", String(settings.requestsPerSecond)],
    ...["--concurrency", String(settings.concurrency)],
  ];
  const kubernetes = await startKubernetes();
  let operator: OperatorProcess | undefined;
  const fleet = new Fleet(await Credentials.fromFile(kubernetes.adminKubeconfig));
  try {
    await fleet.create(clusters);
    say(`${clusters} ChatClusters are made`);
    operator = await startOperator(kubernetes, "operator-cold", operatorArgs);
    let meter = new Meter(kubernetes, operator);
    const reconciledAt = await fleet.allReconciled(clusters, phaseLimit);
    const coldSeconds = (reconciledAt - operator.startedAt) / 1000;
    say(`cold start: all reconciled after ${coldSeconds.toFixed(1)} s`);
    const { missing, objects } = await fleet.compare();
    if (missing.length > 0) throw new Error(`told to be reconciled, but not there: ${missing.join(", ")}`);
    await meter.untilQuiet();
    const cold = { seconds: coldSeconds, settled: meter.phase() };
    const pods =
      Number(
        JSON.parse(await kubernetes.kubectl("get", "--raw", "/api/v1/pods?limit=1")).metadata
          .remainingItemCount ?? 0,
      ) + 1;
    say(
      `nothing is written any more, ${objects} objects and ${pods} pods, after ${cold.settled.seconds.toFixed(1)} s`,
    );

    const before = await operator.counts();
    await delay(steadySeconds * 1000);
    const after = await operator.counts();
    const steady = { ...meter.phase(), reconciles: after.reconciles - before.reconciles };
    say(`steady: ${steady.requests.filter(isWrite).length} writes in ${steady.seconds.toFixed(0)} s`);

    await operator.stop();
    // What it did at its end counts nowhere.
    kubernetes.audit.next();
    operator = await startOperator(kubernetes, "operator-warm", operatorArgs);
    meter = new Meter(kubernetes, operator);
    await operator.until(({ isLeader, reconciles }) => isLeader && reconciles >= clusters, phaseLimit);
    const warmSeconds = (performance.now() - operator.startedAt) / 1000;
    await meter.untilQuiet();
    const warm = { seconds: warmSeconds, settled: meter.phase() };
    say(
      `warm start: all seen to after ${warmSeconds.toFixed(1)} s, ${warm.settled.requests.filter(isWrite).length} writes`,
    );

    const changes = await timeChanges({
      api: fleet.api,
      clusters: fleet.clusters,
      count: settings.changes,
      perSecond: settings.changesPerSecond,
    });
    const changePhase = meter.phase();
    await operator.stop();
    return { clusters, objects, pods, cold, warm, steady, changes, changePhase };
  } catch (error) {
    const lines = operator?.lastLines() ?? [];
    throw new Error([(error as Error).message, "the operator's last lines:", ...lines].join("\n  "), {
      cause: error,
    });
  } finally {
    await operator?.stop();
    await fleet.stop();
    await kubernetes.stop();
  }
}

/** Counts what happens from one `phase` to the next. */
class Meter {
  readonly #kubernetes: Kubernetes;
  readonly #processes: Processes;
  #requests: AuditedRequest[] = [];
  #from: number;
  #usage: Record<string, Usage>;

  constructor(kubernetes: Kubernetes, operator: OperatorProcess) {
    this.#kubernetes = kubernetes;
    this.#processes = {
      operator: operator.pid,
      ...Object.fromEntries(kubernetes.processes.map(({ name, pid }) => [name, pid])),
      bench: process.pid,
    };
    this.#from = operator.startedAt;
    this.#usage = usageOf(this.#processes);
  }

  /** Done when the operator has written nothing for a while. */
  async untilQuiet(): Promise<void> {
    for (let quietSince = performance.now(); performance.now() - quietSince < quietFor; ) {
      await delay(1000);
      const requests = this.#kubernetes.audit.next();
      this.#requests.push(...requests);
      if (requests.some(isWrite)) quietSince = performance.now();
    }
  }

  phase(): Phase {
    const now = performance.now();
    const usage = usageOf(this.#processes);
    const { resident = 0, peak = 0 } = usage.operator ?? {};
    const phase = {
      seconds: (now - this.#from) / 1000,
      requests: [...this.#requests, ...this.#kubernetes.audit.next()],
      cpuSeconds: cpuBetween(this.#usage, usage),
      memory: { resident, peak },
    };
    this.#requests = [];
    this.#from = now;
    this.#usage = usage;
    return phase;
  }
}
