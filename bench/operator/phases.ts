import { setTimeout as delay } from "node:timers/promises";
import { Credentials } from "../../src/operator/kube/credentials.ts";
import { cpuBetween, machineCpuSeconds, type Processes, type Usage, usageOf } from "../measure/processes.ts";
import { sumOf } from "../report/numbers.ts";
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

/** How long Kubernetes gives a Deployment to come up, in milliseconds: then it says that it did not, which is a change. */
const progressDeadline = 600_000;
/** Longer than a warm start takes, in milliseconds. */
const warmLimit = 90_000;

/** What happened from one moment to the next. */
export type Phase = {
  readonly seconds: number;
  readonly requests: readonly AuditedRequest[];
  /** By process. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** CPU time of whatever else the machine did. */
  readonly otherCpuSeconds: number;
  /** Of the operator at its end, in bytes. */
  readonly memory: Pick<Usage, "resident" | "peak">;
};

export type Start = {
  /** Seconds from the process's start until it had seen to each ChatCluster. */
  readonly seconds: number;
  /** From its start until it wrote nothing any more. */
  readonly settled: Phase;
};

/** What becomes of ChatClusters while nobody changes them. */
export type LifeResult = {
  readonly clusters: number;
  readonly objects: number;
  readonly pods: number;
  readonly cold: Start;
  readonly steady: Phase & { readonly reconciles: number };
  readonly warm: Start;
};

export type ChangesResult = Phase & { readonly times: ChangeTimes };

export type OperatorMeasurement = {
  readonly say: (line: string) => void;
  /** Told as soon as it is measured, so that a long run that is ended leaves something. */
  readonly onLife: (result: LifeResult) => void;
  readonly onChanges: (result: ChangesResult) => void;
};

/** Runs the operator on a real control plane through all that is measured. */
export async function measureOperator(
  settings: OperatorBenchSettings,
  { say, onLife, onChanges }: OperatorMeasurement,
): Promise<void> {
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
    const pods = await fleet.countPods();
    say(`after ${cold.settled.seconds.toFixed(1)} s nothing is written: ${objects} objects, ${pods} pods`);

    const leftUntilDeadline = operator.startedAt + progressDeadline - performance.now();
    if (leftUntilDeadline < steadySeconds * 1000 + warmLimit) {
      say("waiting until all Deployments, which have no pods, have told that they did not come up in time");
      await delay(reconciledAt + progressDeadline - performance.now());
      await meter.untilQuiet();
      meter.phase();
    }
    const before = await operator.counts();
    await delay(steadySeconds * 1000);
    const after = await operator.counts();
    const steady = { ...meter.phase(), reconciles: after.reconciles - before.reconciles };
    say(`nothing changed for ${steady.seconds.toFixed(0)} s`);

    await operator.stop();
    // What it did at its end counts nowhere.
    kubernetes.audit.next();
    operator = await startOperator(kubernetes, "operator-warm", operatorArgs);
    meter = new Meter(kubernetes, operator);
    await operator.until(({ isLeader, reconciles }) => isLeader && reconciles >= clusters, phaseLimit);
    const warmSeconds = (performance.now() - operator.startedAt) / 1000;
    await meter.untilQuiet();
    const warm = { seconds: warmSeconds, settled: meter.phase() };
    say(`warm start: all seen to after ${warmSeconds.toFixed(1)} s`);
    onLife({ clusters, objects, pods, cold, steady, warm });

    const times = await timeChanges({
      api: fleet.api,
      clusters: fleet.clusters,
      count: settings.changes,
      perSecond: settings.changesPerSecond,
    });
    onChanges({ ...meter.phase(), times });
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
  #machineCpu = machineCpuSeconds();

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
    const cpuSeconds = cpuBetween(this.#usage, usage);
    const machineCpu = machineCpuSeconds();
    const { resident = 0, peak = 0 } = usage.operator ?? {};
    const phase = {
      seconds: (now - this.#from) / 1000,
      requests: [...this.#requests, ...this.#kubernetes.audit.next()],
      cpuSeconds,
      otherCpuSeconds: machineCpu - this.#machineCpu - sumOf(cpuSeconds),
      memory: { resident, peak },
    };
    this.#requests = [];
    this.#from = now;
    this.#usage = usage;
    this.#machineCpu = machineCpu;
    return phase;
  }
}
