import { setImmediate } from "node:timers/promises";
import type { Log } from "../../platform/log.ts";
import { within } from "../../platform/within.ts";
import type { BackOffSettings } from "./back-off.ts";
import { type ControllerMetrics, type ReconcileResult, unmeasuredController } from "./controller-metrics.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import { TimeLimit } from "./time-limit.ts";
import { type Urgency, WorkQueue } from "./work-queue.ts";

/** When to look at the same key again though nothing happens, in milliseconds; undefined for not at all. */
export type Outcome = { readonly again?: number | undefined };

/**
 * Makes what a key names as it should be. An error that it throws is logged, and the key comes again after a while.
 * The signal aborts when it takes too long or everything stops; it then has to come to an end.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>;

/** Something could not be done, but the rest has to be looked at again after so many milliseconds at the latest. */
export class UnfinishedError extends Error {
  readonly again: number;

  constructor(message: string, again: number) {
    super(message);
    this.again = again;
  }
}

export type ControllerSettings = {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly log: Log;
  /** How many keys are worked on at once. */
  readonly concurrency?: number;
  /** How long one may take, in milliseconds. */
  readonly timeLimit?: number;
  readonly retry?: BackOffSettings;
  readonly queueMetrics?: QueueMetrics;
  readonly metrics?: ControllerMetrics;
};

/** One in so many works on nothing but what has changed. */
const reservedOne = 4;

/** Takes keys from a queue and reconciles them, several at once, each key by one at a time. */
export class Controller {
  readonly queue: WorkQueue;
  readonly #settings: ControllerSettings;
  readonly #metrics: ControllerMetrics;
  readonly #stop = new AbortController();
  #workers: Promise<unknown> = Promise.resolve();

  constructor(settings: ControllerSettings) {
    const { retry, queueMetrics, metrics = unmeasuredController } = settings;
    this.#settings = settings;
    this.#metrics = metrics;
    this.queue = new WorkQueue({
      ...(retry !== undefined && { retry }),
      ...(queueMetrics !== undefined && { metrics: queueMetrics }),
    });
  }

  /** Begins with what is in the queue. */
  start(): void {
    const { concurrency = 1 } = this.#settings;
    this.#metrics.concurrency(concurrency);
    // What is looked at in the background may have to wait long, for a NATS that does not answer, and all of it at once.
    const reserved = Math.floor(concurrency / reservedOne);
    this.#workers = Promise.all(
      Array.from({ length: concurrency }, (_, index) =>
        this.#work(index < reserved ? "changed" : "background"),
      ),
    );
  }

  /**
   * Takes nothing more and waits for what is at work, which is told to end after `grace` milliseconds and given
   * up after `grace` more; then false.
   */
  async stop(grace = 5000): Promise<boolean> {
    this.queue.close();
    const ended = this.#workers.then(() => true);
    if ((await within(grace, ended)) === true) return true;
    this.#stop.abort(new Error("stopping"));
    return (await within(grace, ended)) === true;
  }

  async #work(least: Urgency): Promise<void> {
    for (;;) {
      const key = await this.queue.take(least);
      if (key === undefined) return;
      await this.#reconcile(key);
      this.queue.done(key);
      // One that sends nothing never waits: thousands of them in a row would leave no turn to watches and the Lease.
      await setImmediate();
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { name, reconcile, log, timeLimit = 120_000 } = this.#settings;
    const limit = new TimeLimit(timeLimit, this.#stop.signal);
    const began = performance.now();
    let result: ReconcileResult = "success";
    this.#metrics.began();
    try {
      const { again } = await reconcile(key, limit.signal);
      this.queue.forget(key);
      if (again !== undefined) {
        result = "requeue_after";
        this.queue.addAfter(key, again);
      }
    } catch (error) {
      result = "error";
      const latest = error instanceof UnfinishedError ? error.again : Number.POSITIVE_INFINITY;
      const wait = this.queue.retry(key);
      if (latest < wait) this.queue.addAfter(key, latest);
      const retryIn = Math.round(Math.min(wait, latest));
      // What a request says that was ended by the signal does not tell why.
      const why = limit.isUp ? `it ${(limit.signal.reason as Error).message}` : undefined;
      log.error({ err: error, controller: name, key, why, retryIn }, "reconciling failed");
    } finally {
      limit.clear();
      this.#metrics.ended(result, (performance.now() - began) / 1000);
    }
  }
}
