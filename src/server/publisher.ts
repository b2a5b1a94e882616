import { messageTail, type Slice } from "../chat/message.ts";
import { partitionOf } from "../chat/partition.ts";
import type { StoredNotice } from "../chat/stored-notice.ts";
import type { Sender } from "./outgoing-batch.ts";
import { PartitionPublisher, type PublisherOptions } from "./partition-publisher.ts";

/** How often it is looked whether senders have waited too long, in milliseconds. */
const expiryInterval = 250;

/** Takes accepted messages to the queue, a publisher per partition. */
export class Publisher {
  readonly #partitions: PartitionPublisher[];
  readonly #timer: NodeJS.Timeout;
  #now = 0;
  /** What a message ends with that is accepted at `#now`. */
  #tail = "";

  constructor(partitions: number, options: PublisherOptions) {
    this.#partitions = Array.from(
      { length: partitions },
      (_, index) => new PartitionPublisher(index, options),
    );
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const partition of this.#partitions) partition.expire(now);
    }, expiryInterval);
  }

  /** The publisher of a room's partition. */
  of(room: string): PartitionPublisher {
    return this.#partitions[partitionOf(room, this.#partitions.length)] as PartitionPublisher;
  }

  /**
   * Takes a message to a publisher that `of(room)` has given, `head` and `content` as in MessageParts; false when its
   * buffer is full.
   */
  accept(publisher: PartitionPublisher, room: string, head: string, content: Slice, sender: Sender): boolean {
    const now = Date.now();
    if (now !== this.#now) {
      this.#now = now;
      this.#tail = messageTail(new Date(now).toISOString());
    }
    return publisher.accept(room, { head, content, tail: this.#tail }, sender);
  }

  /** The part of a batch of this server for `room` has been delivered. */
  stored(partition: number, counter: number, room: string): void {
    this.#partitions[partition]?.stored(counter, room);
  }

  /** A worker is through with a batch of this server; `isDelivered` says whether a room's members have it. */
  noticed(notice: StoredNotice, isDelivered: (room: string, sequence: number) => boolean): void {
    const partition = this.#partitions[notice.partition];
    if (partition === undefined) return;
    for (const [room, sequence] of notice.rooms) {
      if (isDelivered(room, sequence)) partition.stored(notice.counter, room);
    }
    for (const [room, reason] of notice.refused ?? []) partition.refused(notice.counter, room, reason);
    partition.finished(notice.counter);
  }

  get bytes(): number {
    return this.#partitions.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of messages that the queue is not known to have: those in it are counted there. */
  get unqueuedBytes(): number {
    return this.#partitions.reduce((sum, { unqueuedBytes }) => sum + unqueuedBytes, 0);
  }

  /** Seconds since the oldest message was accepted that still waits; 0 when none does. */
  lagSeconds(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const partition of this.#partitions) {
      oldest = Math.min(oldest, partition.oldestWaiting() ?? Number.POSITIVE_INFINITY);
    }
    return Number.isFinite(oldest) ? Math.max(0, (performance.now() - oldest) / 1000) : 0;
  }

  /** Tells all senders who still wait that they wait in vain. */
  giveUp(): void {
    for (const partition of this.#partitions) partition.expire(Number.POSITIVE_INFINITY);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
