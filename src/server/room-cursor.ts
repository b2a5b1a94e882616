import type { BatchId } from "../chat/batch.ts";
import { decodeProducers } from "../chat/producers.ts";
import type { StoredSection } from "../chat/room-log.ts";

/** More producers than this in one room, and the ones heard of longest ago are forgotten. */
const maxProducers = 512;

/**
 * - `next`: it follows what was delivered; deliver it.
 * - `seen`: delivered before; drop it.
 * - `gap`: something between was missed.
 * - `restart`: the log does not hold what was delivered, so the stream is another one: its sequence was passed
 *   long ago, yet its batch is unknown; or what comes before it ends before what was delivered.
 */
export type Position = "next" | "seen" | "gap" | "restart";

/** How far a room's log was delivered. */
export class RoomCursor {
  #last = 0;
  /** When the last section was stored, by the stream's clock, in ms. */
  #lastTime = 0;
  /** Sections of a stream that started anew count as seen when they were stored by then: it was restored. */
  #restartTime = 0;
  /** The latest counter from each producer; it still holds where retention has removed the room's messages. */
  readonly #counters = new Map<string, number>();

  /** The sequence of the last section that was delivered or passed over. */
  get last(): number {
    return this.#last;
  }

  /** Begins behind `section`, the last of the log; undefined when the log is empty. */
  begin(section: StoredSection | undefined): void {
    if (section === undefined) return;
    this.#last = section.sequence;
    this.#lastTime = section.time;
    for (const [producer, { counter }] of decodeProducers(section.producers) ?? [])
      this.#note(producer, counter);
  }

  locate(section: StoredSection): Position {
    const { sequence, previous = 0, batch } = section;
    const known = batch === undefined || this.#holds(batch);
    if (sequence <= this.#last) return known ? "seen" : "restart";
    if (previous > this.#last) return "gap";
    // A power failure without fsync shortens the log; then it grows past where it was, with other messages.
    if (!known && previous > 0 && previous < this.#last) return "restart";
    return (known && batch !== undefined) || this.isOld(section) ? "seen" : "next";
  }

  /** Whether a stream that started anew had `section` when its members had seen more of the one before. */
  isOld({ time }: StoredSection): boolean {
    return time <= this.#restartTime;
  }

  /** `section` was delivered, or there was nothing in it to deliver. */
  advance({ sequence, batch, time }: StoredSection): void {
    if (sequence > this.#last) this.#last = sequence;
    if (time > this.#lastTime) this.#lastTime = time;
    if (batch !== undefined && !this.#holds(batch)) this.#note(batch.producer, batch.counter);
  }

  /** Passes over what retention has removed. */
  skipTo(sequence: number): void {
    if (sequence > this.#last) this.#last = sequence;
  }

  /** The stream is another one: its sequences start anew. Batches that were delivered stay known. */
  restart(): void {
    this.#last = 0;
    this.#restartTime = this.#lastTime;
  }

  #holds({ producer, counter }: BatchId): boolean {
    return (this.#counters.get(producer) ?? -1) >= counter;
  }

  #note(producer: string, counter: number): void {
    this.#counters.delete(producer);
    this.#counters.set(producer, counter);
    if (this.#counters.size <= maxProducers) return;
    for (const oldest of this.#counters.keys()) {
      this.#counters.delete(oldest);
      break;
    }
  }
}
