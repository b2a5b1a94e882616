import type { Socket } from "node:net";
import type { ValuesOf } from "../platform/settings.ts";
import { LineReader, type TextLine } from "./line-reader.ts";
import type { ServerMetrics } from "./metrics.ts";
import type { Outbox } from "./outbox.ts";
import { RateLimit } from "./rate-limit.ts";
import type { serverSettings } from "./settings.ts";

/** Seconds' worth of messages that may come at once. */
const burstSeconds = 5;

export type InputOptions = {
  readonly settings: Pick<ValuesOf<typeof serverSettings>, "maxLineBytes" | "messagesPerSecond">;
  readonly metrics: ServerMetrics;
};

/** Whoever handles a client's lines. It may block the input at any time, and unblocks it later. */
export type LineHandler = {
  handleLine(line: TextLine): void;
  handleBadLine(kind: "too-long" | "invalid-utf8"): void;
  /** The client will send no more, and all lines that it sent have been handled. */
  handleEnd(): void;
};

/**
 * What one client sends, handed on a line at a time, one after the other.
 *
 * While a line cannot be handled yet (too fast, answers that the client has yet to read, or whatever the
 * handler has blocked it for), no other is handled, and beyond what has arrived with it nothing is read.
 */
export class Input {
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #handler: LineHandler;
  readonly #metrics: ServerMetrics;
  readonly #reader: LineReader;
  readonly #rate: RateLimit;
  /** A line that could not be handled yet. */
  #held: TextLine | undefined;
  #blocked = false;
  #paused = false;
  #ended = false;
  #stopped = false;

  constructor(socket: Socket, outbox: Outbox, { settings, metrics }: InputOptions, handler: LineHandler) {
    const { maxLineBytes, messagesPerSecond } = settings;
    this.#socket = socket;
    this.#outbox = outbox;
    this.#handler = handler;
    this.#metrics = metrics;
    this.#reader = new LineReader(maxLineBytes);
    this.#rate = new RateLimit(messagesPerSecond, messagesPerSecond * burstSeconds, performance.now());
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("end", () => {
      this.#ended = true;
      this.#reader.end();
      this.#handleLines();
    });
  }

  /** No line is handled until `unblock`. */
  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    if (this.#stopped) return;
    this.#blocked = false;
    this.#handleLines();
    if (this.#blocked || !this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** `line` could not be handled: it is the next again. */
  putBack(line: TextLine): void {
    this.#held = line;
  }

  /** No further line is handled. What comes after a pause is for whoever ends the connection to read. */
  stop(): void {
    this.#stopped = true;
  }

  #read(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#reader.push(chunk);
    if (!this.#blocked) return this.#handleLines();
    // Most commands are done before more comes: pausing for each would cost more than they do.
    this.#paused = true;
    this.#socket.pause();
  }

  #handleLines(): void {
    while (!this.#blocked && !this.#stopped) {
      // Whoever does not read the answers gets no more of them; only what others say can be too much then.
      if (this.#outbox.blocked) {
        this.#metrics.answerPauses.inc();
        this.block();
        return this.#outbox.whenDrained(() => this.unblock());
      }
      if (this.#held !== undefined) {
        const held = this.#held;
        this.#held = undefined;
        this.#handler.handleLine(held);
        continue;
      }
      const line = this.#reader.next();
      if (line === undefined) {
        if (this.#ended) this.#handler.handleEnd();
        return;
      }
      if (line.kind === "plain" || line.kind === "text") this.#handleInTime(line);
      else {
        this.#metrics.badLines.inc({ reason: line.kind });
        this.#handler.handleBadLine(line.kind);
      }
    }
  }

  #handleInTime(line: TextLine): void {
    const wait = this.#rate.take(performance.now());
    if (wait === 0) return this.#handler.handleLine(line);
    this.#metrics.ratePauses.inc();
    this.putBack(line);
    this.block();
    this.#unblockAfter(wait);
  }

  /** Unblocks when the token is there that a line waits for: a timer may be early, and then there is none yet. */
  #unblockAfter(wait: number): void {
    setTimeout(() => {
      const more = this.#rate.take(performance.now());
      if (more > 0) this.#unblockAfter(more);
      else this.unblock();
    }, wait);
  }
}
