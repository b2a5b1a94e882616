import { type ChatMessage, decodeMessages, historyLength, historyLine } from "../chat/message.ts";
import type { RoomLog, StoredSection } from "../chat/room-log.ts";

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
    const take = (section: StoredSection): void => {
      messages.push(...messagesOf(section).reverse());
    };
    let section = sequence === 0 ? undefined : await this.#at(room, sequence);
    if (section !== undefined) take(section);
    while (section !== undefined && messages.length < historyLength) {
      // Those it points back to are asked for at once; what does not fit together is left to the next turn.
      const ahead = await this.#ahead(room, section, historyLength - messages.length);
      for (const earlier of ahead) {
        if (earlier === undefined || earlier.sequence !== section.previous) break;
        section = earlier;
        take(section);
      }
      if (messages.length >= historyLength) break;
      section = await this.#before(room, section);
      if (section !== undefined) take(section);
    }
    return messages.slice(0, historyLength).reverse().map(historyLine).join("");
  }

  /** Sections that `section` points back to, newest first, `wanted` at the most. */
  #ahead(
    room: string,
    { previous, earlier }: StoredSection,
    wanted: number,
  ): Promise<(StoredSection | undefined)[]> {
    if (!previous || earlier.length === 0) return Promise.resolve([]);
    return Promise.all(
      [previous, ...earlier].slice(0, wanted).map((sequence) => this.#log.at(room, sequence)),
    );
  }

  async #before(room: string, { sequence, previous }: StoredSection): Promise<StoredSection | undefined> {
    if (previous === 0) return undefined;
    // What somebody else wrote to the room has no back-pointer.
    return previous === undefined ? this.#log.before(room, sequence) : this.#at(room, previous);
  }

  /** The section at `sequence`, or, where that one was removed, the one before it. */
  async #at(room: string, sequence: number): Promise<StoredSection | undefined> {
    return (await this.#log.at(room, sequence)) ?? this.#log.before(room, sequence);
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
