import { encodeSections, maxBatchBytes, maxBatchMessages, maxBatchRooms } from "../chat/batch.ts";
import type { MessageParts } from "../chat/message.ts";

/** Whoever sent a message and waits for its outcome; told exactly one of the two, once per message. */
export type Sender = {
  /** The message is stored, and its room's members have it. */
  stored(): void;
  /** It is not known to be stored; `problem` is what the sender is shown after `Error: `. */
  failed(problem: string): void;
};

/** What a message costs in memory beyond its text, and a room beyond its messages, in bytes. */
const messageOverhead = 160;
const roomOverhead = 512;

export type EncodedBatch = { readonly payload: Buffer; readonly sections: string };

/** Bytes of a message's JSON line. */
export const lineLength = ({ head, content, tail }: MessageParts): number =>
  head.length + content.end - content.start + tail.length;

/** Accepted messages on their way into the queue, and who waits for them. Times are of performance.now(). */
export class OutgoingBatch {
  readonly #rooms = new Map<string, OutgoingSection>();
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

  /** What it takes in memory, in bytes. */
  get memory(): number {
    return this.bytes + this.messages * messageOverhead + this.#rooms.size * roomOverhead;
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

  /** Adds a message; its bytes are copied. */
  add(room: string, message: MessageParts, sender: Sender, acceptedAt: number): void {
    let section = this.#rooms.get(room);
    if (section === undefined) {
      section = new OutgoingSection();
      this.#rooms.set(room, section);
    }
    this.bytes += section.add(message, sender, acceptedAt);
    this.messages++;
    this.#unanswered++;
  }

  /** Payload and section index of the messages whose senders still wait; undefined when there are none. */
  encode(): EncodedBatch | undefined {
    const parts: Buffer[] = [];
    const index: { room: string; bytes: number; messages: number }[] = [];
    for (const [room, section] of this.#rooms) {
      if (section.unanswered === 0) continue;
      const part = section.encode();
      parts.push(part);
      index.push({ room, bytes: part.length, messages: section.unanswered });
    }
    const [first] = parts;
    if (first === undefined) return undefined;
    return { payload: parts.length === 1 ? first : Buffer.concat(parts), sections: encodeSections(index) };
  }

  /** It will not be encoded again. */
  forgetText(): void {
    for (const section of this.#rooms.values()) section.forgetText();
  }

  /** A room's part is stored and its members have it. */
  stored(room: string): void {
    this.#answer(this.#rooms.get(room), (sender) => sender.stored());
  }

  /** A room's part cannot be stored. */
  refused(room: string, problem: string): void {
    this.#answer(this.#rooms.get(room), (sender) => sender.failed(problem));
  }

  /** No part of it will be stored. */
  refusedWhole(problem: string): void {
    for (const room of this.#rooms.keys()) this.refused(room, problem);
  }

  /** Tells those who have waited since `deadline` or longer. */
  expire(deadline: number, problem: string): void {
    for (const section of this.#rooms.values()) {
      this.#answer(section, (sender) => sender.failed(problem), deadline);
    }
  }

  /** When the oldest message was accepted whose sender still waits; undefined when none does. */
  oldestWaiting(): number | undefined {
    let oldest: number | undefined;
    for (const { oldestWaiting: waiting } of this.#rooms.values()) {
      if (waiting !== undefined && (oldest === undefined || waiting < oldest)) oldest = waiting;
    }
    return oldest;
  }

  /** A message counts as answered before its sender is told, who may do anything then. */
  #answer(section: OutgoingSection | undefined, tell: (sender: Sender) => void, deadline?: number): void {
    section?.answer((sender) => {
      this.#unanswered--;
      tell(sender);
    }, deadline);
  }
}

const nothing = Buffer.alloc(0);

/**
 * A room's messages in a batch, in the order in which they were accepted. Since they are answered from the oldest
 * on, those that wait are always the last ones.
 */
class OutgoingSection {
  #text = nothing;
  #length = 0;
  // One entry for each message.
  readonly #senders: Sender[] = [];
  readonly #acceptedAt: number[] = [];
  /** Where its line ends in the text. */
  readonly #ends: number[] = [];
  /** How many messages have been answered: the first so many. */
  #answered = 0;

  get unanswered(): number {
    return this.#senders.length - this.#answered;
  }

  get oldestWaiting(): number | undefined {
    return this.#acceptedAt[this.#answered];
  }

  /** Returns the bytes of the message's line. */
  add(message: MessageParts, sender: Sender, acceptedAt: number): number {
    const { head, content, tail } = message;
    const start = this.#length;
    const length = lineLength(message);
    const end = start + length;
    if (end > this.#text.length) this.#grow(end);
    const text = this.#text;
    text.write(head, start, "latin1");
    content.bytes.copy(text, start + head.length, content.start, content.end);
    text.write(tail, end - tail.length, "latin1");
    this.#length = end;
    this.#senders.push(sender);
    this.#acceptedAt.push(acceptedAt);
    this.#ends.push(end);
    return length;
  }

  /** The lines of the messages whose senders still wait: a view. */
  encode(): Buffer {
    const start = this.#answered === 0 ? 0 : this.#ends[this.#answered - 1];
    return this.#text.subarray(start, this.#length);
  }

  forgetText(): void {
    this.#text = nothing;
  }

  /** Answers those who still wait, of them those accepted up to `deadline`. */
  answer(tell: (sender: Sender) => void, deadline = Number.POSITIVE_INFINITY): void {
    while (this.#answered < this.#senders.length) {
      if ((this.#acceptedAt[this.#answered] as number) > deadline) break;
      tell(this.#senders[this.#answered++] as Sender);
    }
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#text.length));
    this.#text.copy(grown, 0, 0, this.#length);
    this.#text = grown;
  }
}
