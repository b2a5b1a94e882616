import { encodeSections, maxBatchBytes, maxBatchMessages, maxBatchRooms } from "../chat/batch.ts";

/** Whoever sent a message and waits for its outcome; told exactly one of the two, once per message. */
export type Sender = {
  /** The message is stored, and its room's members have it. */
  stored(): void;
  /** It is not known to be stored; `problem` is what the sender is shown after `Error: `. */
  failed(problem: string): void;
};

type Entry = {
  readonly sender: Sender;
  readonly acceptedAt: number;
  /** The message's JSON line, for as long as it may be published. */
  line: string;
  answered: boolean;
};

type RoomEntries = { readonly entries: Entry[]; resolved: boolean };

export type EncodedBatch = { readonly payload: Buffer; readonly sections: string };

/** Accepted messages on their way into the queue, and who waits for them. Times are of performance.now(). */
export class OutgoingBatch {
  readonly #rooms = new Map<string, RoomEntries>();
  #unanswered = 0;
  /** Size of its messages' lines. */
  bytes = 0;
  messages = 0;
  /** When its first message was accepted. */
  readonly oldest: number;
  /** Its place in the order of its server and partition; given when it is published. */
  counter = -1;
  publishedAt = 0;
  /** A publish of it is under way, was answered with yes, or went unanswered: the queue may have it. */
  mayBeQueued = false;

  constructor(now: number) {
    this.oldest = now;
  }

  get full(): boolean {
    return (
      this.bytes >= maxBatchBytes || this.messages >= maxBatchMessages || this.#rooms.size >= maxBatchRooms
    );
  }

  /** Whether every message's outcome has been told. */
  get answered(): boolean {
    return this.#unanswered === 0;
  }

  hasRoomFor(bytes: number): boolean {
    return !this.full && this.bytes + bytes <= maxBatchBytes;
  }

  add(room: string, line: string, bytes: number, sender: Sender, acceptedAt: number): void {
    let section = this.#rooms.get(room);
    if (section === undefined) {
      section = { entries: [], resolved: false };
      this.#rooms.set(room, section);
    }
    section.entries.push({ sender, acceptedAt, line, answered: false });
    this.bytes += bytes;
    this.messages++;
    this.#unanswered++;
  }

  /** Payload and section index of the messages whose senders still wait; undefined when there are none. */
  encode(): EncodedBatch | undefined {
    const parts: Buffer[] = [];
    const index: { room: string; bytes: number; messages: number }[] = [];
    for (const [room, { entries }] of this.#rooms) {
      let text = "";
      let messages = 0;
      for (const entry of entries) {
        if (entry.answered) continue;
        text += entry.line;
        messages++;
      }
      if (messages === 0) continue;
      const part = Buffer.from(text);
      parts.push(part);
      index.push({ room, bytes: part.length, messages });
    }
    if (parts.length === 0) return undefined;
    return { payload: Buffer.concat(parts), sections: encodeSections(index) };
  }

  /** It will not be encoded again. */
  forgetLines(): void {
    for (const { entries } of this.#rooms.values()) for (const entry of entries) entry.line = "";
  }

  /** A room's part is stored and its members have it. */
  stored(room: string): void {
    const section = this.#rooms.get(room);
    if (section === undefined || section.resolved) return;
    section.resolved = true;
    for (const entry of section.entries) {
      if (this.#answer(entry)) entry.sender.stored();
    }
  }

  /** A room's part cannot be stored. */
  refused(room: string, problem: string): void {
    const section = this.#rooms.get(room);
    if (section === undefined || section.resolved) return;
    section.resolved = true;
    for (const entry of section.entries) {
      if (this.#answer(entry)) entry.sender.failed(problem);
    }
  }

  /** No part of it will be stored. */
  refusedWhole(problem: string): void {
    for (const room of this.#rooms.keys()) this.refused(room, problem);
  }

  /** Tells those who have waited since `deadline` or longer. */
  expire(deadline: number, problem: string): void {
    for (const { entries } of this.#rooms.values()) {
      for (const entry of entries) {
        if (entry.acceptedAt > deadline) break;
        if (this.#answer(entry)) entry.sender.failed(problem);
      }
    }
  }

  /** When the oldest message was accepted whose sender still waits; undefined when none does. */
  oldestWaiting(): number | undefined {
    let oldest: number | undefined;
    for (const { entries } of this.#rooms.values()) {
      const waiting = entries.find((entry) => !entry.answered)?.acceptedAt;
      if (waiting !== undefined && (oldest === undefined || waiting < oldest)) oldest = waiting;
    }
    return oldest;
  }

  #answer(entry: Entry): boolean {
    if (entry.answered) return false;
    entry.answered = true;
    this.#unanswered--;
    return true;
  }
}
