import type { NatsConnection } from "@nats-io/transport-node";
import type { Counter } from "prom-client";
import { createLog } from "../../src/platform/log.ts";
import { Metrics } from "../../src/platform/metrics.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { Worker, workerConnecting } from "../../src/worker/worker.ts";

export type SlowWorkerOptions = {
  readonly natsUrl: string;
  readonly partitions: number;
  readonly slots: number;
  /** Waits as long as the routing of a batch is to take. */
  readonly step: () => Promise<void>;
};

/**
 * The product's worker, with a routing step before each batch that takes as long as it is told: so the bench
 * decides what a worker can do, and what is left to see is how workers share the work.
 */
export class SlowWorker {
  readonly #connection: NatsConnection;
  readonly #metrics: ReadableMetrics;
  readonly #worker: Worker;
  #stopped: Promise<void> | undefined;
  /** When it was done with each batch that it has stored, by performance.now(). */
  readonly done: readonly number[];

  private constructor(
    connection: NatsConnection,
    metrics: ReadableMetrics,
    worker: Worker,
    done: readonly number[],
  ) {
    this.#connection = connection;
    this.#metrics = metrics;
    this.#worker = worker;
    this.done = done;
  }

  static async start({ natsUrl, partitions, slots, step }: SlowWorkerOptions): Promise<SlowWorker> {
    const log = createLog("bench", "error");
    const connection = await connectNats(natsUrl, "bench", log, workerConnecting);
    const metrics = new ReadableMetrics("bench");
    const done: number[] = [];
    const worker = await Worker.start({
      ...{ connection, metrics, log },
      signal: new AbortController().signal,
      settings: { partitions, slots, knownRooms: 10_000, shutdownGrace: 10_000 },
      around: (handle) => async (delivery) => {
        await step();
        const outcome = await handle(delivery);
        if (outcome === "done") done.push(performance.now());
        return outcome;
      },
    });
    return new SlowWorker(connection, metrics, worker, done);
  }

  get fenceRefusals(): number {
    return this.#metrics.counted("worker_fence_refusals_total");
  }

  /** Batches that it has given back to the queue. */
  get returned(): number {
    return this.#metrics.counted("worker_batches_returned_total");
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#worker.stop();
    await this.#connection.close();
  }
}

/** Counters can be read at once, without a scrape. */
class ReadableMetrics extends Metrics {
  readonly #counts = new Map<string, number>();

  override counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    const counter = super.counter(name, help, labelNames);
    const inc = counter.inc.bind(counter) as (...args: unknown[]) => void;
    counter.inc = (...args: unknown[]): void => {
      const value = args.find((arg) => typeof arg === "number") ?? 1;
      this.#counts.set(name, this.counted(name) + (value as number));
      inc(...args);
    };
    return counter;
  }

  counted(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}
