import { performance } from "node:perf_hooks";
import type { Log } from "../../platform/log.ts";
import { CommandFailed, type Commands } from "./commands.ts";
import type { Lease } from "./lease.ts";
import type { Batch, Ledger } from "./ledger.ts";
import type { PresenceMetrics } from "./metrics.ts";
import type { Reaper } from "./reaper.ts";

/** Users in one call: Redis does nothing else meanwhile, for about two milliseconds. */
const batchLimit = 500;

type Parts = {
  readonly commands: Commands;
  readonly lease: Lease;
  readonly ledger: Ledger;
  readonly reaper: Reaper;
  readonly metrics: PresenceMetrics;
  readonly log: Log;
};

/**
 * Keeps Redis in line with the ledger: renews the lease and sends what is due, one command at a time, so that
 * changes gather into the next batch while one is under way.
 *
 * After every connect, and whenever a renewal shows that Redis forgot this server or others reaped it, what
 * Redis holds is compared with the local sessions before anything else is recorded.
 */
export class Recorder {
  readonly #parts: Parts;
  #connection = 0;
  #running = Promise.resolve();
  #available = false;
  #renewAt = 0;
  #trouble = "";
  #wake: () => void = () => {};
  readonly #started = Promise.withResolvers<void>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether Redis is in line but for what stands in the ledger. */
  get available(): boolean {
    return this.#available;
  }

  /** Resolves when Redis is in line, or could not be brought in line, for the first time. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Something may be due. */
  wake(): void {
    this.#wake();
  }

  connected(): void {
    const connection = ++this.#connection;
    this.#running = this.#run(() => connection === this.#connection);
  }

  disconnected(): void {
    this.#connection++;
    this.#giveUp();
    this.#wake();
  }

  /** Finishes the command under way and sends no more. */
  async stop(): Promise<void> {
    this.#connection++;
    this.#wake();
    await this.#running;
  }

  async #run(isCurrent: () => boolean): Promise<void> {
    const { lease, log } = this.#parts;
    this.#renewAt = 0;
    for (let begun = false; isCurrent(); ) {
      try {
        if (!begun) await lease.begin();
        begun = true;
        await this.#step();
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error;
        // Without an answer the connection is gone, and the next one begins a new run.
        if (!error.answered || !isCurrent()) return;
        if (error.message !== this.#trouble)
          log.warn({ why: error.message }, "Redis does not record presence");
        this.#trouble = error.message;
        this.#giveUp();
        this.#renewAt = performance.now() + lease.interval();
        await this.#idle();
      }
    }
  }

  async #step(): Promise<void> {
    if (performance.now() >= this.#renewAt) return this.#renew();
    if (!this.#available) return this.#idle();
    const batch = this.#parts.ledger.take(batchLimit);
    return batch.changes.length === 0 ? this.#idle() : this.#record(batch);
  }

  async #renew(): Promise<void> {
    const { commands, lease, ledger, reaper, metrics, log } = this.#parts;
    this.#renewAt = performance.now() + lease.interval();
    const standing = await lease.renew();
    if (standing === "kept" && this.#available) {
      ledger.retry();
    } else {
      ledger.resync(await commands.holdings(), standing);
      lease.accept();
      metrics.putBacks.inc({ standing });
      log.info({ standing, unrecorded: ledger.size }, "presence is recorded in Redis");
      this.#available = true;
      this.#trouble = "";
      this.#started.resolve();
    }
    // Not awaited: a big dead server must not keep joins waiting.
    if (lease.steady) void reaper.check();
  }

  async #record(batch: Batch): Promise<void> {
    const { commands, lease, ledger, log } = this.#parts;
    try {
      const failed = await commands.record(lease.number, batch.changes);
      if (failed === undefined) {
        ledger.refused(batch);
        this.#renewAt = 0;
        return;
      }
      ledger.answered(batch, new Set(failed.keys()));
      for (const [position, why] of failed) {
        const { kind, room, user } = batch.changes[position] ?? {};
        log.warn({ kind, room, user, why }, "a change of presence was not recorded, will try again");
      }
    } catch (error) {
      if (error instanceof CommandFailed && error.answered) ledger.refused(batch);
      throw error;
    }
  }

  #giveUp(): void {
    this.#available = false;
    this.#started.resolve();
    this.#parts.ledger.stopWaiting();
  }

  /** Waits for `wake`, at most until the lease is to be renewed. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, this.#renewAt - performance.now()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
