import { setTimeout as delay } from "node:timers/promises";
import type { ChatCluster } from "../cluster/chat-cluster.ts";
import type { LagResult } from "../scaling/lag-meter.ts";
import type { LagMetrics } from "../scaling/lag-metrics.ts";
import { LagUnknown } from "../scaling/lag-unknown.ts";
import { type Change, Scaler } from "../scaling/scaler.ts";
import type { ScalingMetrics } from "../scaling/scaling-metrics.ts";
import type { LocalLag } from "./lag.ts";
import { type Part, StoppedError } from "./supervisor.ts";

/** Between two measurements, in milliseconds. */
const interval = 3000;

/** Who is told what becomes of the workers. */
export type ScalingObserver = {
  readonly metrics: Pick<LagMetrics, "measured"> & Pick<ScalingMetrics, "decided">;
  readonly onChange: (change: Change) => void;
  /** A worker did not start, or did not stop. */
  readonly onError: (error: Error) => void;
};

export type WorkerScalingOptions = ScalingObserver & {
  readonly cluster: ChatCluster;
  /** Its own, which is closed with it: whoever else measures would take away what was done since the last time. */
  readonly lag: LocalLag;
  /** All workers, also those that are being started or stopped. */
  readonly list: () => readonly Part[];
  /** Starts one more. */
  readonly start: () => Promise<Part>;
  readonly stop: (worker: Part) => Promise<void>;
};

/** Starts and stops workers of this machine as the lag has it, until it is stopped itself. */
export class WorkerScaling {
  readonly #options: WorkerScalingOptions;
  readonly #scaler: Scaler;
  readonly #stop = new AbortController();
  readonly #leaving = new Set<Part>();
  readonly #ended: Promise<void>;

  constructor(options: WorkerScalingOptions) {
    this.#options = options;
    this.#scaler = new Scaler(options.list().length);
    this.#ended = this.#run();
  }

  /** Changes nothing from now on; whatever it has begun goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#ended, this.#options.lag.close()]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await delay(interval, undefined, { signal }).catch(() => {});
      const result = signal.aborted ? undefined : await this.#measure();
      if (signal.aborted || result === undefined) return;
      this.#decide(result);
      this.#startAndStop();
    }
  }

  /** undefined when it is stopped meanwhile. */
  async #measure(): Promise<LagResult | undefined> {
    try {
      return await this.#options.lag.measure();
    } catch (error) {
      if (error instanceof LagUnknown) return error;
      if (this.#stop.signal.aborted) return undefined;
      throw error;
    }
  }

  #decide(result: LagResult): void {
    const { cluster, metrics, onChange } = this.#options;
    const sample = result instanceof LagUnknown ? undefined : result.sample;
    const ready = this.#staying().filter(({ isReady }) => isReady).length;
    const { reason, change } = this.#scaler.decide(cluster.spec, sample, ready);
    metrics.measured(cluster.metadata, result);
    metrics.decided(cluster.metadata, this.#scaler.workers, reason.name);
    if (change !== undefined) onChange(change);
  }

  #staying(): Part[] {
    return this.#options.list().filter((worker) => !this.#leaving.has(worker));
  }

  /** What did not work is tried again after the next measurement. */
  #startAndStop(): void {
    const { start, stop, onError } = this.#options;
    const wanted = this.#scaler.workers;
    const staying = this.#staying();
    const attempt = (work: Promise<unknown>): Promise<void> =>
      work.then(
        () => {},
        (error: Error) => {
          if (!this.#stop.signal.aborted && !(error instanceof StoppedError)) onError(error);
        },
      );
    for (let count = staying.length; count < wanted; count++) void attempt(start());
    // Those that came last.
    for (const worker of staying.slice(wanted)) {
      this.#leaving.add(worker);
      void attempt(stop(worker)).then(() => this.#leaving.delete(worker));
    }
  }
}
