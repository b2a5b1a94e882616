import { type ChatMessage, decodeMessages, historyLine } from "../chat/message.ts";
import type { RoomLog, StoredSection } from "../chat/room-log.ts";

/** How many messages `history` shows. */
export const historyLength = 100;
/** How many walks go on at once; more wait for their turn. */
const walkLimit = 128;

/** Reads the end of a room's log, however large the stream is: each message points back to the one before. */
export class History {
  readonly #log: RoomLog;
  /** Walks under way: whoever asks for the same meanwhile gets the same answer. */
  readonly #walks = new Map<string, Promise<string>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(log: RoomLog) {
    this.#log = log;
  }

  /**
   * The room's last 100 messages up to the section at `sequence`, oldest first, as lines to show; "" when it
   * has none. Rejects when NATS does not answer.
   */
  lines(room: string, sequence: number): Promise<string> {
    const key = `${room}:${sequence}`;
    let walk = this.#walks.get(key);
    if (walk === undefined) {
      walk = this.#inTurn(() => this.#walk(room, sequence)).finally(() => this.#walks.delete(key));
      this.#walks.set(key, walk);
    }
    return walk;
  }

  async #walk(room: string, sequence: number): Promise<string> {
    const messages: ChatMessage[] = [];
    let section = sequence === 0 ? undefined : await this.#at(room, sequence);
    while (section !== undefined) {
      messages.push(...messagesOf(section).reverse());
      if (messages.length >= historyLength) break;
      section = await this.#before(room, section);
    }
    return messages.slice(0, historyLength).reverse().map(historyLine).join("");
  }

  async #before(room: string, { sequence, previous }: StoredSection): Promise<StoredSection | undefined> {
    if (previous === 0) return undefined;
    // What somebody else wrote to the room has no back-pointer.
    return previous === undefined ? this.#log.before(room, sequence) : this.#at(room, previous);
  }

  /** The section at `sequence`, or, where that one was removed, the one before it. */
  async #at(room: string, sequence: number): Promise<StoredSection | undefined> {
    return (await this.#log.at(sequence)) ?? this.#log.before(room, sequence);
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= walkLimit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

function messagesOf(section: StoredSection): ChatMessage[] {
  if (section.batch === undefined) return [];
  try {
    return decodeMessages(section.payload);
  } catch {
    // Set aside when it was delivered; it is no message.
    return [];
  }
}
