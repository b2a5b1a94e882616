import { Histogram } from "./histogram.ts";
import type { Pace } from "./pace.ts";
import type { Sender } from "./sender.ts";

/** Below this many a second, each message gets its own wake-up at its very moment. */
const preciseRate = 500;

/**
 * A fixed number of messages a second in all, each from the next sender, however slowly they arrive. Latency
 * counts from when a message was due, so that neither a slow service nor a late generator hides.
 */
export class OpenLoop implements Pace {
  readonly #interval: number;
  #senders: readonly Sender[] = [];
  #begun = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** How late the generator itself was. */
  readonly lateness = new Histogram();
  /** Messages that were not sent since too many of their sender were on their way. */
  skipped = 0;

  constructor(messagesPerSecond: number) {
    this.#interval = 1000 / messagesPerSecond;
  }

  start(senders: readonly Sender[]): void {
    this.#senders = senders;
    this.#begun = performance.now();
    this.#wait();
  }

  arrived(): void {}
  settle(): void {}

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  get isOver(): boolean {
    return this.#isStopped;
  }

  #wait(): void {
    const until = this.#begun + this.#count * this.#interval - performance.now();
    const isPrecise = this.#interval > 1000 / preciseRate;
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, isPrecise ? Math.floor(until - 1) : until));
  }

  #tick(): void {
    const next = this.#begun + this.#count * this.#interval;
    // Timers have whole milliseconds; the rest is slept.
    const early = next - performance.now();
    if (early > 0 && early < 2 && this.#interval > 1000 / preciseRate) sleep(early);
    const now = performance.now();
    const touched = new Set<Sender>();
    for (let due = next; due <= now; due = this.#begun + this.#count * this.#interval) {
      const sender = this.#senders[this.#count++ % this.#senders.length] as Sender;
      if (sender.free <= 0) {
        this.skipped++;
        continue;
      }
      sender.add(due);
      touched.add(sender);
      this.lateness.add(now - due);
    }
    for (const sender of touched) sender.flush();
    this.#wait();
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Nothing else runs meanwhile; for less than two milliseconds only. */
function sleep(milliseconds: number): void {
  Atomics.wait(cell, 0, 0, milliseconds);
}
