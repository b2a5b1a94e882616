import { type BackOffSettings, backOff } from "./back-off.ts";
import { type QueueMetrics, unmeasuredQueue } from "./queue-metrics.ts";

export type WorkQueueSettings = {
  /** How long a key that failed waits; each key for itself. */
  readonly retry?: BackOffSettings;
  readonly metrics?: QueueMetrics;
};

const defaultRetry: BackOffSettings = { first: 5, most: 5 * 60_000 };
/** The longest that a timer of Node.js can wait; it fires a longer one at once. */
const longestTimer = 2 ** 31 - 1;

type Waiting = { readonly dueAt: number; readonly timer: NodeJS.Timeout };

/**
 * Keys of what is to be looked at, as in client-go: each waits here once, however often it was added, and is never
 * handed out twice at once. One that is added while it is worked on is handed out again afterwards, since what
 * happened meanwhile may have been missed.
 */
export class WorkQueue {
  readonly #retry: BackOffSettings;
  readonly #metrics: QueueMetrics;
  /** In the order in which they are handed out, with the time of adding. */
  readonly #ready = new Map<string, number>();
  /** What is worked on, since when. */
  readonly #taken = new Map<string, number>();
  /** What was added while it was worked on. */
  readonly #again = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #failures = new Map<string, number>();
  /** Those who wait for a key. */
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #isClosed = false;

  constructor({ retry = defaultRetry, metrics = unmeasuredQueue }: WorkQueueSettings = {}) {
    this.#retry = retry;
    this.#metrics = metrics;
    metrics.observe(this);
  }

  /** How many keys wait to be handed out. */
  get depth(): number {
    return this.#ready.size;
  }

  /** When each key that is worked on was handed out (performance.now()). */
  get takenAt(): readonly number[] {
    return [...this.#taken.values()];
  }

  add(key: string): void {
    if (this.#isClosed || this.#ready.has(key) || this.#again.has(key)) return;
    this.#metrics.added();
    if (this.#taken.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#makeReady(key);
  }

  /** Adds a key later. Where it waits already, the earliest time counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#isClosed) return;
    if (milliseconds <= 0) return this.add(key);
    const wait = Math.min(milliseconds, longestTimer);
    const dueAt = performance.now() + wait;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && waiting.dueAt <= dueAt) return;
    clearTimeout(waiting?.timer);
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      this.add(key);
    }, wait);
    this.#waiting.set(key, { dueAt, timer });
  }

  /** Adds a key that failed after a while that grows with each failure in a row; the result is how long that is. */
  retry(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#metrics.retried();
    const wait = backOff(this.#retry, failures);
    this.addAfter(key, wait);
    return wait;
  }

  /** How often a key has failed in a row. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key is well, or gone: its next failure is its first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Hands out the next key, when there is one; undefined when the queue is closed. It is to be given back with `done`. */
  take(): Promise<string | undefined> {
    const [next] = this.#ready;
    if (this.#isClosed) return Promise.resolve(undefined);
    if (next === undefined) return new Promise((resolve) => this.#takers.push(resolve));
    this.#ready.delete(next[0]);
    this.#handOut(next[0], next[1]);
    return Promise.resolve(next[0]);
  }

  done(key: string): void {
    const takenAt = this.#taken.get(key);
    if (takenAt === undefined) return;
    this.#taken.delete(key);
    this.#metrics.worked((performance.now() - takenAt) / 1000);
    if (this.#again.delete(key) && !this.#isClosed) this.#makeReady(key);
  }

  /** Hands out nothing more, and forgets what waits. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #makeReady(key: string): void {
    const now = performance.now();
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#ready.set(key, now);
      return;
    }
    this.#handOut(key, now);
    taker(key);
  }

  #handOut(key: string, addedAt: number): void {
    const now = performance.now();
    this.#taken.set(key, now);
    this.#metrics.waited((now - addedAt) / 1000);
  }
}
