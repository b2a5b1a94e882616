import type { Slice } from "../chat/message.ts";
import { cleanText } from "./clean-text.ts";
import { TelnetStripper } from "./telnet.ts";

const CR = 13;
const LF = 10;

/** A line of nothing but printable ASCII characters without `"` and `\`, as it came: JSON need not escape any. */
export type PlainLine = Slice & { readonly kind: "plain" };
export type TextLine = PlainLine | { readonly kind: "text"; readonly text: string };
export type Line = TextLine | { readonly kind: "too-long" } | { readonly kind: "invalid-utf8" };

const tooLong: Line = { kind: "too-long" };
const invalidUtf8: Line = { kind: "invalid-utf8" };
const nothing = Buffer.alloc(0);
const noChunks: readonly Buffer[] = [];

/** What an unfinished line gets at first. */
const smallPartial = 64;

/**
 * Makes lines of the bytes that one client sends. A line ends in LF, CR LF or telnet's CR NUL.
 *
 * 1. Chunks are split only as lines are asked for, so that the caller can stop and go on at any time.
 * 2. Once `next` has given undefined, no chunk is held, only a copy of the unfinished line: with many idle
 *    connections, a chunk of 64 KiB each for three bytes would be most of the memory. A plain line holds its chunk.
 * 3. A line of more than `maxLineBytes` (without its line end) is reported once, as soon as it is known to
 *    be too long, and its bytes are skipped, not kept.
 */
export class LineReader {
  readonly #maxLineBytes: number;
  readonly #telnet = new TelnetStripper();

  /** What was not split yet: the first chunk from `#offset` on, then the others. */
  #chunks = noChunks;
  #chunkBytes = 0;
  #offset = 0;

  /** The beginning of an unfinished line, of which `#partialLength` bytes are filled. */
  #partial = nothing;
  #partialLength = 0;

  /** Inside a line that was reported as too long. */
  #skipping = false;
  #ended = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Bytes that were pushed and not given out yet, so that the caller knows when to pause the client. */
  get bufferedBytes(): number {
    return this.#chunkBytes - this.#offset + this.#partialLength;
  }

  /** Takes what the client sent; `chunk` must not be changed afterwards. */
  push(chunk: Buffer): void {
    const bytes = this.#telnet.strip(chunk);
    if (bytes.length === 0) return;
    // An array that grows keeps room for many more.
    this.#chunks = [...this.#chunks, bytes];
    this.#chunkBytes += bytes.length;
  }

  /**
   * The client will send no more: what is left without a line end is its last line, if not empty. A CR at the
   * very end is a line end that was cut short.
   */
  end(): void {
    this.#ended = true;
  }

  /** The next line, or undefined until more is pushed. */
  next(): Line | undefined {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const start = this.#offset;
      const lineFeed = chunk.indexOf(LF, start);
      const end = lineFeed < 0 ? chunk.length : lineFeed;
      this.#advance(chunk, end + 1);
      const line = lineFeed < 0 ? this.#begin(chunk, start, end) : this.#finish(chunk, start, end);
      if (line !== undefined) return line;
    }
    return this.#ended && this.#partialLength > 0 ? this.#finish(nothing, 0, 0) : undefined;
  }

  #advance(chunk: Buffer, offset: number): void {
    this.#offset = offset;
    if (offset < chunk.length) return;
    this.#chunks = this.#chunks.length === 1 ? noChunks : this.#chunks.slice(1);
    this.#chunkBytes -= chunk.length;
    this.#offset = 0;
  }

  /** Keeps the part of a line that has no line end yet. */
  #begin(bytes: Buffer, start: number, end: number): Line | undefined {
    if (this.#skipping) return undefined;
    if (this.#fits(bytes, start, end)) {
      this.#append(bytes, start, end);
      return undefined;
    }
    this.#skipping = true;
    this.#dropPartial();
    return tooLong;
  }

  /** The line that ends with these bytes; undefined if it was reported as too long before. */
  #finish(bytes: Buffer, start: number, end: number): Line | undefined {
    if (this.#skipping) {
      this.#skipping = false;
      return undefined;
    }
    if (!this.#fits(bytes, start, end)) {
      this.#dropPartial();
      return tooLong;
    }
    if (this.#partialLength === 0) return textLine(bytes, start, end);
    this.#append(bytes, start, end);
    const line = textLine(this.#partial, 0, this.#partialLength);
    this.#dropPartial();
    return line;
  }

  /** Whether the partial line and these bytes are not too long; one CR at the end may be of its line end. */
  #fits(bytes: Buffer, start: number, end: number): boolean {
    const excess = this.#partialLength + end - start - this.#maxLineBytes;
    if (excess !== 1) return excess < 1;
    return (end > start ? bytes[end - 1] : this.#partial[this.#partialLength - 1]) === CR;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const length = this.#partialLength + end - start;
    if (length > this.#partial.length) {
      const capacity = Math.min(
        this.#maxLineBytes + 1,
        Math.max(length, 2 * this.#partial.length, smallPartial),
      );
      // Not from Node's pool, of which one slow client would keep a slab of 64 KiB.
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.#partial.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    bytes.copy(this.#partial, this.#partialLength, start, end);
    this.#partialLength = length;
  }

  #dropPartial(): void {
    this.#partial = nothing;
    this.#partialLength = 0;
  }
}

/** The bytes that a plain line is made of. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x7f);
for (const escaped of Buffer.from('"\\')) isPlain[escaped] = 0;

/** A line of these bytes, less the CR of its line end. */
function textLine(bytes: Buffer, start: number, end: number): Line {
  const withoutCr = end > start && bytes[end - 1] === CR ? end - 1 : end;
  for (let index = start; index < withoutCr; index++) {
    if (isPlain[bytes[index] as number] === 0) return decodedLine(bytes, start, withoutCr);
  }
  return { kind: "plain", bytes, start, end: withoutCr };
}

function decodedLine(bytes: Buffer, start: number, end: number): Line {
  const text = cleanText(bytes, start, end);
  return text === undefined ? invalidUtf8 : { kind: "text", text };
}

/** What a client typed. */
export const textOf = (line: TextLine): string =>
  line.kind === "text" ? line.text : line.bytes.toString("latin1", line.start, line.end);
