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

/** Of so many keys that are handed out in a row while others wait in the background, one is of those. */
const backgroundEvery = 8;

/** `background`: nothing is known to have changed, so that whatever did comes first. */
export type Urgency = "changed" | "background";

type Waiting = { readonly dueAt: number; readonly timer: NodeJS.Timeout };

/**
 * Keys of what is to be looked at, as in client-go: each waits here once, however often it was added, and is never
 * handed out twice at once. One that is added while it is worked on is handed out again afterwards, since what
 * happened meanwhile may have been missed.
 *
 * What is only looked at again (at the start, after a while, after a failure) waits in the background: a thousand of
 * those may come due at once, and a change does not wait for them.
 */
export class WorkQueue {
  readonly #retry: BackOffSettings;
  readonly #metrics: QueueMetrics;
  /** In the order in which they are handed out, with the time of adding. Each key is in one of the two. */
  readonly #ready: Readonly<Record<Urgency, Map<string, number>>> = {
    changed: new Map(),
    background: new Map(),
  };
  /** How many were handed out while others waited in the background. */
  #overtook = 0;
  /** What is worked on, since when. */
  readonly #taken = new Map<string, number>();
  /** What was added while it was worked on. */
  readonly #again = new Map<string, Urgency>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #failures = new Map<string, number>();
  /** Those who wait for a key, and of which urgency at least. */
  readonly #takers: { readonly give: (key: string | undefined) => void; readonly least: Urgency }[] = [];
  #isClosed = false;

  constructor({ retry = defaultRetry, metrics = unmeasuredQueue }: WorkQueueSettings = {}) {
    this.#retry = retry;
    this.#metrics = metrics;
    metrics.observe(this);
  }

  /** How many keys wait to be handed out. */
  get depth(): number {
    return this.#ready.changed.size + this.#ready.background.size;
  }

  /** When each key that is worked on was handed out (performance.now()). */
  get takenAt(): readonly number[] {
    return [...this.#taken.values()];
  }

  add(key: string, urgency: Urgency = "changed"): void {
    if (this.#isClosed) return;
    const { changed, background } = this.#ready;
    if (changed.has(key)) return;
    const waits = background.has(key) || this.#again.has(key);
    if (waits && urgency === "background") return;
    if (!waits) this.#metrics.added();
    if (this.#taken.has(key)) {
      this.#again.set(key, urgency);
      return;
    }
    const addedAt = background.get(key);
    background.delete(key);
    this.#makeReady(key, urgency, addedAt);
  }

  /** Adds a key later, in the background. Where it waits already, the earliest time counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#isClosed) return;
    if (milliseconds <= 0) return this.add(key, "background");
    const wait = Math.min(milliseconds, longestTimer);
    const dueAt = performance.now() + wait;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && waiting.dueAt <= dueAt) return;
    clearTimeout(waiting?.timer);
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      this.add(key, "background");
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

  /**
   * Hands out the next key that is at least so urgent, when there is one; undefined when the queue is closed. It is to
   * be given back with `done`.
   */
  take(least: Urgency = "background"): Promise<string | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const from = this.#ready[least === "changed" ? "changed" : this.#next()];
    const [next] = from;
    if (next === undefined) return new Promise((give) => this.#takers.push({ give, least }));
    from.delete(next[0]);
    this.#handOut(next[0], next[1]);
    return Promise.resolve(next[0]);
  }

  done(key: string): void {
    const takenAt = this.#taken.get(key);
    if (takenAt === undefined) return;
    this.#taken.delete(key);
    this.#metrics.worked((performance.now() - takenAt) / 1000);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined && !this.#isClosed) this.#makeReady(key, again);
  }

  /** Hands out nothing more, and forgets what waits. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    for (const keys of Object.values(this.#ready)) keys.clear();
    this.#again.clear();
    for (const { give } of this.#takers.splice(0)) give(undefined);
  }

  /** From where to hand out next. The background always gets on, too: what failed may be what the changes wait for. */
  #next(): Urgency {
    const { changed, background } = this.#ready;
    if (background.size === 0) return "changed";
    if (changed.size === 0 || this.#overtook >= backgroundEvery - 1) {
      this.#overtook = 0;
      return "background";
    }
    this.#overtook++;
    return "changed";
  }

  #makeReady(key: string, urgency: Urgency, addedAt = performance.now()): void {
    const index = this.#takers.findIndex(({ least }) => least === "background" || urgency === "changed");
    const [taker] = index === -1 ? [] : this.#takers.splice(index, 1);
    if (taker === undefined) {
      this.#ready[urgency].set(key, addedAt);
      return;
    }
    this.#handOut(key, addedAt);
    taker.give(key);
  }

  #handOut(key: string, addedAt: number): void {
    const now = performance.now();
    this.#taken.set(key, now);
    this.#metrics.waited((now - addedAt) / 1000);
  }
}
