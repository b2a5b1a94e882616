import type { ProducerCounters } from "../chat/producers.ts";

/** What a worker believes a room to hold; the fence of its publishes proves it current. */
export type KnownRoom = {
  /** The sequence of the room's last message, 0 when it has none. */
  readonly sequence: number;
  readonly counters: ProducerCounters;
  /** Sequences of the messages before that one, newest first: as many as the room's history may need. */
  readonly earlier: readonly number[];
};

/** What a worker knows of rooms; the ones used longest ago are forgotten first. */
export class RoomKnowledge {
  readonly #rooms = new Map<string, KnownRoom>();
  readonly #limit: number;
  /** When the ChatRooms was created whose sequences these are. */
  #created = "";

  constructor(limit: number) {
    this.#limit = limit;
  }

  get created(): string {
    return this.#created;
  }

  get size(): number {
    return this.#rooms.size;
  }

  get(room: string): KnownRoom | undefined {
    return this.#rooms.get(room);
  }

  /** What this worker has read or stored itself replaces what it knew, even when it is lower. */
  set(room: string, known: KnownRoom): void {
    this.#rooms.delete(room);
    this.#rooms.set(room, known);
    if (this.#rooms.size > this.#limit) {
      for (const oldest of this.#rooms.keys()) {
        this.#rooms.delete(oldest);
        break;
      }
    }
  }

  /** What another worker says counts only when it is of the same stream, and later. */
  learn(room: string, known: KnownRoom, created: string): void {
    if (created !== this.#created) return;
    const mine = this.#rooms.get(room);
    if (mine === undefined || known.sequence > mine.sequence) this.set(room, known);
  }

  forget(room: string): void {
    this.#rooms.delete(room);
  }

  /** To be called when the rooms may have changed behind our back, to have lower sequences than these too. */
  forgetAll(): void {
    this.#rooms.clear();
  }

  /** Forgets everything when the stream is not the one that it was. */
  streamIs(created: string): void {
    if (created === this.#created) return;
    this.#created = created;
    this.forgetAll();
  }
}
