import type { Protocol } from "../protocols/protocol.ts";
import {
  connectionAt,
  leastTextBytes,
  numberAt,
  senderDigits,
  sequenceDigits,
  sequenceStart,
} from "../protocols/text.ts";

export type LineHandler = {
  /** A whole load message: the sender's number in its room, and the message's number of that sender. */
  onMessage(sender: number, sequence: number): void;
  /** Any other line, without its line end. */
  onLine(line: string): void;
};

const lineFeed = 10;

/**
 * Finds load messages in one connection's bytes. All messages of a connection are of one length, which the first
 * shows; the others are read where they lie. What does not look like them is looked at as text.
 */
export class LineScanner {
  readonly #protocol: Protocol;
  readonly #firstConnection: number;
  readonly #handler: LineHandler;
  /** Of a message: its bytes with its line end, and where its text begins; 0 until the first has come. */
  #lineBytes = 0;
  #textStart = 0;
  /** The beginning of a line whose end is still to come. */
  #rest = Buffer.alloc(0);
  #restBytes = 0;

  /** `firstConnection`: the number of the room's first member, by which nicks are checked. */
  constructor(protocol: Protocol, firstConnection: number, handler: LineHandler) {
    this.#protocol = protocol;
    this.#firstConnection = firstConnection;
    this.#handler = handler;
  }

  /** Takes the first `length` of `bytes`, which may be used again afterwards. */
  scan(bytes: Buffer, length: number): void {
    let at = this.#restBytes === 0 ? 0 : this.#completeRest(bytes, length);
    while (at < length) {
      const end = at + this.#lineBytes;
      if (this.#lineBytes > 0 && end <= length && this.#isMessage(bytes, at, end)) {
        at = end;
        continue;
      }
      const found = bytes.indexOf(lineFeed, at);
      if (found < 0 || found >= length) return this.#keep(bytes, at, length);
      this.#lookAt(bytes, at, found);
      at = found + 1;
    }
  }

  #isMessage(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[end - 1] !== lineFeed) return false;
    const text = start + this.#textStart;
    const sender = numberAt(bytes, text, senderDigits);
    const sequence = numberAt(bytes, text + sequenceStart, sequenceDigits);
    if (sender < 0 || sequence < 0) return false;
    if (connectionAt(bytes, start + this.#protocol.nickStart) !== this.#firstConnection + sender)
      return false;
    this.#handler.onMessage(sender, sequence);
    return true;
  }

  #lookAt(bytes: Buffer, start: number, lineFeedAt: number): void {
    const line = bytes.toString("latin1", start, bytes[lineFeedAt - 1] === 13 ? lineFeedAt - 1 : lineFeedAt);
    const textStart = this.#protocol.textStart(line);
    if (textStart > 0 && line.length - textStart >= leastTextBytes) {
      this.#textStart = textStart;
      this.#lineBytes = lineFeedAt + 1 - start;
      if (this.#isMessage(bytes, start, lineFeedAt + 1)) return;
      this.#lineBytes = 0;
    }
    this.#handler.onLine(line);
  }

  /** Where the bytes go on after the line that had begun before. */
  #completeRest(bytes: Buffer, length: number): number {
    const found = bytes.indexOf(lineFeed);
    if (found < 0 || found >= length) {
      this.#keep(bytes, 0, length);
      return length;
    }
    this.#keep(bytes, 0, found + 1);
    const end = this.#restBytes;
    this.#restBytes = 0;
    if (end !== this.#lineBytes || !this.#isMessage(this.#rest, 0, end)) this.#lookAt(this.#rest, 0, end - 1);
    return found + 1;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.#restBytes + end - start;
    if (needed > this.#rest.length) {
      const larger = Buffer.alloc(Math.max(256, needed * 2));
      this.#rest.copy(larger, 0, 0, this.#restBytes);
      this.#rest = larger;
    }
    bytes.copy(this.#rest, this.#restBytes, start, end);
    this.#restBytes = needed;
  }
}
