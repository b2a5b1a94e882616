import { batchTime, fullBatch, roundTrips } from "./costs.ts";
import { leftAfter } from "./left.ts";
import { step, type Trace } from "./trace.ts";

/** Batches of one server and partition that may be unfinished (server/partition-publisher.ts) before they get full. */
const unfinishedLimit = 2;
/** After so long an unfinished batch does not count any more, in seconds (there, too). */
const finishTimeout = 2;
/**
 * What several workers do of what each does alone. Measured from 0.91 to 0.98 for 2 to 16 of them (ARCHITECTURE.md,
 * "Measured").
 */
const sharing = 0.95;
/** After so long the batches of a worker that hangs go to another, in seconds (ack_wait). */
const ackWait = 3;
/** From then on so many of its partitions lose that time again: their next batch goes to a pull that it left open. */
const lostAgain = 0.5;

/** How often a step is tried until no more than all workers are used. */
const attempts = 4;

/** What is the same for all partitions in one step. */
type Step = {
  /** Messages that had arrived when it began, and at its end. */
  readonly before: number;
  readonly total: number;
  /** Messages of the largest batch, and of those that servers make when nothing waits. */
  readonly full: number;
  readonly smallest: number;
  readonly time: number;
};

/** What waits, and what was done with it. */
export type QueueView = {
  readonly lagSeconds: number;
  readonly messages: number;
  readonly bytes: number;
  /** In ChatIngress, for each partition: num_pending and num_ack_pending of its consumer. */
  readonly batches: readonly number[];
  /** Bytes that were stored since the beginning. */
  readonly storedBytes: number;
  /** Seconds in which workers had a batch, since the beginning, of all workers. */
  readonly busySeconds: number;
};

/**
 * The way from chat servers to rooms, step by step. Messages are a fluid that leaves in the
 * order of its arrival; batches are as large as what waits makes them. One batch of a partition is worked on at a
 * time, by any worker, and workers share what they can do evenly among the partitions that have something.
 */
export class Queue {
  readonly #trace: Trace;
  /** Messages that have arrived at the end of each step, since the beginning. */
  readonly #arrived: Float64Array;
  /** For each partition. */
  readonly #done: Float64Array;
  readonly #heads: Int32Array;
  readonly #ages: Float64Array;
  readonly #counts: Float64Array;
  readonly #blockedUntil: Float64Array;
  readonly #left: Float64Array;
  readonly #sizes: Float64Array;
  #index = 0;
  #used = 0;
  #storedBytes = 0;
  #busySeconds = 0;
  #lag = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
    const { length } = trace.shares;
    this.#arrived = new Float64Array(trace.arrivals.length + 1);
    this.#done = new Float64Array(length);
    this.#heads = new Int32Array(length);
    this.#ages = new Float64Array(length);
    this.#counts = new Float64Array(length);
    this.#blockedUntil = new Float64Array(length);
    this.#left = new Float64Array(length);
    this.#sizes = new Float64Array(length);
    this.#used = length;
  }

  get lagSeconds(): number {
    return this.#lag;
  }

  /** One of so many workers hangs: its share of the partitions waits until JetStream gives their batches to others. */
  hang(workers: number): void {
    const { shares, chance } = this.#trace;
    const held = Math.ceil(shares.length / Math.max(1, workers));
    const first = Math.floor((chance[this.#index] ?? 0) * shares.length);
    for (let count = 0; count < held; count++) {
      const wait = count < held * lostAgain ? 2 * ackWait : ackWait;
      this.#blockedUntil[(first + count) % shares.length] = this.#index * step + wait;
    }
  }

  /** One step with so many workers. */
  advance(workers: number): void {
    const { arrivals, speed } = this.#trace;
    const index = this.#index;
    const now = arrivals[index];
    if (now === undefined) return;
    const before = this.#arrived[index] ?? 0;
    const total = before + now.messages * step;
    this.#arrived[index + 1] = total;
    const full = fullBatch(now.bytes / now.messages);
    const smallest = now.messages / now.batches;
    const power = (speed[index] ?? 1) * workers * (workers > 1 ? sharing : 1);
    const times = { before, total, full, smallest, time: index * step };
    // No batch gets more than one worker. How many partitions have one shows when they are tried; it is near what it was.
    let share = 0;
    let used = this.#used;
    for (let attempt = 0; attempt < attempts && workers > 0; attempt++) {
      share = Math.min(speed[index] ?? 1, power / Math.max(used, 1e-9));
      used = this.#try(times, share);
      if (used * share <= power * 1.02) break;
    }
    if (workers === 0) used = this.#try(times, 0);
    this.#used = used;
    this.#commit(workers, share, now.bytes / now.messages);
  }

  /** Finds out what would be left of each partition if each got this share of a worker; how many would use it. */
  #try({ before, total, full, smallest, time }: Step, share: number): number {
    const { shares, servers } = this.#trace;
    let used = 0;
    for (let partition = 0; partition < shares.length; partition++) {
      const part = shares[partition] as number;
      const done = this.#done[partition] as number;
      const limit =
        servers * unfinishedLimit * Math.max(1, (this.#ages[partition] as number) / finishTimeout);
      const all = part * total - done;
      let left = all;
      if (share > 0 && time >= (this.#blockedUntil[partition] as number)) {
        left = leftAfter(Math.max(part * before - done, 1e-6), all, { share, limit, full, smallest });
      }
      const size = Math.min(full, Math.max(smallest, left / limit));
      this.#left[partition] = left;
      this.#sizes[partition] = size;
      used += share > 0 ? Math.min(1, (((all - left) / size) * batchTime(size)) / share / step) : 1;
    }
    return used;
  }

  #commit(workers: number, share: number, bytesPerMessage: number): void {
    const { shares } = this.#trace;
    const total = this.#arrived[this.#index + 1] as number;
    let atWork = 0;
    let stored = 0;
    this.#lag = 0;
    for (let partition = 0; partition < shares.length; partition++) {
      const part = shares[partition] as number;
      const size = this.#sizes[partition] as number;
      const left = this.#left[partition] as number;
      const served = part * total - (this.#done[partition] as number) - left;
      const done = part * total - left;
      if (share > 0) atWork += Math.min(1, ((served / size) * (roundTrips + batchTime(size) / share)) / step);
      stored += served;
      const age = this.#age(partition, done, part);
      this.#counts[partition] = left / size;
      this.#done[partition] = done;
      this.#ages[partition] = age;
      if (age > this.#lag) this.#lag = age;
    }
    this.#storedBytes += stored * bytesPerMessage;
    this.#busySeconds += Math.min(workers, atWork) * step;
    this.#index++;
  }

  /** How long the first message that is not stored has waited at the end of this step. */
  #age(partition: number, done: number, part: number): number {
    const arrived = this.#arrived;
    const end = this.#index + 1;
    // Of all partitions together so many had arrived when the one that is the first now did.
    const reached = (done / part) * (1 + 1e-12);
    let head = this.#heads[partition] as number;
    while (head < end && (arrived[head + 1] as number) <= reached) head++;
    this.#heads[partition] = head;
    if (head >= end) return 0;
    const from = arrived[head] as number;
    const to = arrived[head + 1] as number;
    return (end - head - (reached - from) / (to - from)) * step;
  }

  /** What can be seen of it now. */
  look(): QueueView {
    const { shares, arrivals, chance } = this.#trace;
    const index = Math.max(0, this.#index - 1);
    const total = this.#arrived[this.#index] ?? 0;
    const messages = total - this.#done.reduce((sum, done) => sum + done, 0);
    const { bytes, messages: arriving } = arrivals[index] ?? { bytes: 0, messages: 1 };
    const luck = chance[index] ?? 0;
    return {
      ...{ lagSeconds: this.#lag, messages, bytes: messages * (bytes / arriving) },
      // Part of a batch is one now and then.
      batches: shares.map((_, partition) =>
        Math.floor((this.#counts[partition] ?? 0) + ((luck + partition / shares.length) % 1)),
      ),
      storedBytes: this.#storedBytes,
      busySeconds: this.#busySeconds,
    };
  }
}
