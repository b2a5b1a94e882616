import { NoRespondersError, headers as newHeaders } from "@nats-io/transport-node";
import { formatBatchId } from "../chat/batch.ts";
import type { MessageParts } from "../chat/message.ts";
import { headers, ingressSubject } from "../chat/subjects.ts";
import type { Log } from "../platform/log.ts";
import type { Requests } from "../platform/requests.ts";
import type { ServerMetrics } from "./metrics.ts";
import { lineLength, OutgoingBatch, type Sender } from "./outgoing-batch.ts";

/**
 * A partial batch is sent only while fewer than this many are unfinished, that is, not yet stored in their
 * rooms. Clocked by the answer of the queue alone, small batches pile up in it faster than they can be
 * taken; with two, one is being stored while the next is on its way.
 */
const unfinishedLimit = 2;
/**
 * A batch no longer counts as unfinished this long after it was published, in milliseconds: a worker's notice
 * may have got lost, and no member may be here to see its echo.
 */
const finishTimeout = 2000;
/** How long one publish may take before it is tried again under the same id, in milliseconds. */
export const attemptTimeout = 2000;
const retryDelay = 100;
/** JetStream could not store a message: the stream is full, which is found out before, or the disk failed. */
const storeFailed = 10077;
const streamIsFull = "maximum bytes exceeded";

export type PublisherOptions = {
  /** Answers are waited for `attemptTimeout`. */
  readonly requests: Pick<Requests, "request">;
  readonly incarnation: string;
  readonly bufferBytes: number;
  /** How long a sender waits, in milliseconds. */
  readonly sendTimeout: number;
  readonly metrics: ServerMetrics;
  readonly log: Log;
};

/**
 * One partition's accepted messages on their way into the queue.
 *
 * 1. One publish is under way at a time, retried under the same id until it is answered or nobody waits for
 *    it any more; a later batch never overtakes it.
 * 2. Each message has one outcome: stored, refused (no attempt can have stored it), or not confirmed.
 * 3. What waits is bounded: `accept` says no, and `whenDrained` says when to ask again.
 */
export class PartitionPublisher {
  readonly #partition: number;
  readonly #options: PublisherOptions;
  /** Batches that wait to be published; only the last still takes messages. */
  readonly #waiting: OutgoingBatch[] = [];
  #publishing = false;
  /** Published batches whose outcome is open, and the one being published, by counter. */
  readonly #unfinished = new Map<number, OutgoingBatch>();
  #counter = 0;
  #bytes = 0;
  #scheduled = false;
  /** When this turn of the event loop began to accept, by performance.now(). */
  #now = 0;
  readonly #drained: (() => void)[] = [];

  constructor(partition: number, options: PublisherOptions) {
    this.#partition = partition;
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the messages that the queue is not known to have. */
  get unqueuedBytes(): number {
    const published = this.#publishing ? this.#unfinished.get(this.#counter) : undefined;
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes, published?.bytes ?? 0);
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#unfinished.size === 0;
  }

  /** Takes a message; false when the buffer is full. */
  accept(room: string, message: MessageParts, sender: Sender): boolean {
    if (this.#bytes >= this.#options.bufferBytes) return false;
    const bytes = lineLength(message);
    this.#beginTurn();
    const now = this.#now;
    let batch = this.#waiting.at(-1);
    if (batch === undefined || !batch.hasRoomFor(bytes)) {
      batch = new OutgoingBatch(now);
      this.#waiting.push(batch);
    }
    const before = batch.memory;
    batch.add(room, message, sender, now);
    this.#bytes += batch.memory - before;
    return true;
  }

  /** What comes in one turn of the event loop, from all sockets, counts as accepted at once and is sent together. */
  #beginTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#now = performance.now();
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  /** Calls back once, when `accept` is worth another try. */
  whenDrained(callback: () => void): void {
    this.#drained.push(callback);
  }

  /** The part of batch `counter` for `room` is stored and its members have it. */
  stored(counter: number, room: string): void {
    const batch = this.#unfinished.get(counter);
    if (batch === undefined) return;
    batch.stored(room);
    this.#options.metrics.deliverySeconds.observe((performance.now() - batch.oldest) / 1000);
    if (batch.answered) this.#finish(batch);
  }

  /** The part of batch `counter` for `room` was set aside. */
  refused(counter: number, room: string, reason: string): void {
    this.#unfinished.get(counter)?.refused(room, `message not stored: ${reason}`);
  }

  /** A worker is through with batch `counter`. */
  finished(counter: number): void {
    const batch = this.#unfinished.get(counter);
    if (batch?.answered) this.#finish(batch);
  }

  /** When the oldest message was accepted that waits here, by performance.now(); undefined if none does. */
  oldestWaiting(): number | undefined {
    for (const batch of this.#batches()) {
      const oldest = batch.oldestWaiting();
      if (oldest !== undefined) return oldest;
    }
    return undefined;
  }

  /** To be called now and then: tells the senders who have waited too long at `now` (performance.now()). */
  expire(now: number): void {
    this.#send();
    const deadline = now - this.#options.sendTimeout;
    for (const batch of [...this.#batches()]) {
      if (batch.oldest > deadline) return;
      batch.expire(
        deadline,
        batch.mayBeQueued
          ? "message not confirmed, it may still appear"
          : "message not stored: the message queue does not answer",
      );
      if (batch.answered) this.#finish(batch);
    }
  }

  *#batches(): Iterable<OutgoingBatch> {
    yield* this.#unfinished.values();
    yield* this.#waiting;
  }

  #finish(batch: OutgoingBatch): void {
    if (!this.#unfinished.delete(batch.counter)) {
      const index = this.#waiting.indexOf(batch);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
    }
    this.#release(batch);
    this.#send();
  }

  #release(batch: OutgoingBatch): void {
    this.#bytes -= batch.memory;
    if (this.#drained.length === 0 || this.#bytes > this.#options.bufferBytes / 2) return;
    for (const callback of this.#drained.splice(0)) callback();
  }

  #send(): void {
    const batch = this.#waiting[0];
    if (this.#publishing || batch === undefined) return;
    // More than one waiting: the first is as full as it gets.
    if (this.#waiting.length === 1 && !batch.full && this.#unfinishedLately() >= unfinishedLimit) return;
    this.#waiting.shift();
    if (batch.answered) {
      this.#release(batch);
      return this.#send();
    }
    batch.counter = ++this.#counter;
    batch.publishedAt = performance.now();
    this.#unfinished.set(batch.counter, batch);
    this.#publishing = true;
    void this.#publish(batch).then(() => {
      batch.forgetText();
      this.#publishing = false;
      this.#send();
    });
  }

  #unfinishedLately(): number {
    if (this.#unfinished.size < unfinishedLimit) return this.#unfinished.size;
    const since = performance.now() - finishTimeout;
    let count = 0;
    for (const { publishedAt } of this.#unfinished.values()) if (publishedAt > since) count++;
    return count;
  }

  /** Resolves when the batch is in the queue, was refused, or nobody waits for it any more. */
  async #publish(batch: OutgoingBatch): Promise<void> {
    const { requests, incarnation, metrics, log } = this.#options;
    const id = { producer: incarnation, partition: this.#partition, counter: batch.counter };
    const all = newHeaders();
    all.set(headers.batch, formatBatchId(id));
    all.set(headers.created, String(Date.now()));
    const started = performance.now();
    let payload: Buffer = Buffer.alloc(0);
    for (let attempt = 1; !batch.answered; attempt++) {
      if (attempt > 1) metrics.publishRetries.inc();
      const where = { partition: this.#partition, attempt };
      // The first tries, and then ever fewer: while NATS is away there are ten a second.
      const isTold = Number.isInteger(Math.log2(attempt));
      const heldBefore = batch.mayBeQueued;
      if (!heldBefore) {
        // No attempt can have stored it: whoever was told so meanwhile is left out of the next.
        const encoded = batch.encode();
        if (encoded === undefined) return;
        all.set(headers.sections, encoded.sections);
        payload = encoded.payload;
      }
      batch.mayBeQueued = true;
      try {
        const answer = await requests.request(ingressSubject(this.#partition), payload, all);
        const { error } = answer.json<{ error?: { err_code: number; description: string } }>();
        if (error === undefined) {
          metrics.publishSeconds.observe((performance.now() - started) / 1000);
          metrics.batchMessages.observe(batch.messages);
          return;
        }
        if (isTold) log.warn({ ...where, error: error.description }, "the queue refused a batch");
        const isFull = error.err_code === storeFailed && error.description.includes(streamIsFull);
        // A leader whose own disk failed may have got its replicas to store it.
        if (error.err_code !== storeFailed || isFull) batch.mayBeQueued = heldBefore;
        if (isFull && !heldBefore) {
          batch.refusedWhole("message not stored: the message queue is full, try again later");
          this.#finish(batch);
          return;
        }
      } catch (error) {
        // Nobody listens: no stream can have it. With any other error, the answer may just have got lost.
        if (error instanceof NoRespondersError) batch.mayBeQueued = heldBefore;
        if (isTold) log.warn({ ...where, err: error }, "the queue did not take a batch yet");
      }
      await new Promise((resolve) => setTimeout(resolve, retryDelay));
    }
  }
}
