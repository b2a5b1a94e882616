import type { Socket } from "node:net";

/** How long a connection that is being closed may take to read its next bytes, in milliseconds. */
const lingerTime = 5000;
/** Bytes in one write: small enough to see, by its being taken, that the client still reads. */
const writeSize = 65_536;

/**
 * What waits to be sent to one client. Writing never blocks; a client that does not read is closed when more
 * than `limit` bytes wait that it did not ask for, and the reason is its last line.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #onOverflow: () => void;
  /** Waits until the socket has taken what it was given; buffers are shared between members. */
  #queue: Buffer[] = [];
  #queued = 0;
  /** What it asked for itself may wait beyond the limit. */
  #allowance = 0;
  /** The first of them is the rest of one that was cut within a line. */
  #isWithinLine = false;
  #blocked = false;
  #ending = false;
  #drained: (() => void)[] | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limit: number, onOverflow: () => void) {
    this.#socket = socket;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
    socket.on("drain", () => this.#drain());
  }

  /** Whether the client has yet to read what it was sent before. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Calls back once, when nothing waits any more. */
  whenDrained(callback: () => void): void {
    this.#drained = [...(this.#drained ?? []), callback];
  }

  /** Sends whole lines, now or as soon as the client has read enough. */
  write(data: Buffer): void {
    if (this.#ending) return;
    if (!this.#blocked && data.length <= writeSize) return this.#send(data);
    this.#queue.push(data);
    this.#queued += data.length;
    this.#sendQueue();
    if (this.#queued > this.#limit + this.#allowance) this.#onOverflow();
  }

  /** As `write`, for an answer to the client's own command; the caller asks for no other while it waits. */
  answer(data: Buffer): void {
    this.#allowance += data.length;
    this.write(data);
    if (!this.#blocked) this.#allowance = 0;
  }

  /** Sends what waits, then ends the connection; a client that reads nothing for a while does not get it all. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#blocked) this.#lingerOn();
    else this.#finish();
  }

  /** Drops what waits and ends the connection with `lastLine`. */
  endWith(lastLine: string): void {
    if (this.#ending) return;
    // What was begun goes on to its end of line.
    const [begun] = this.#queue;
    const end = begun?.indexOf("\n") ?? -1;
    this.#queue = this.#isWithinLine && begun !== undefined ? [begun.subarray(0, end + 1)] : [];
    this.#queue.push(Buffer.from(lastLine));
    this.#sendQueue();
    this.end();
  }

  /** The connection is gone. */
  discard(): void {
    this.#ending = true;
    this.#queue = [];
    clearTimeout(this.#linger);
  }

  #send(data: Buffer): void {
    // A write that the kernel took whole leaves nothing waiting, whatever its size.
    if (!this.#socket.write(data)) this.#blocked = this.#socket.writableLength > 0;
  }

  #sendQueue(): void {
    while (!this.#blocked && this.#queue.length > 0) {
      const parts: Buffer[] = [];
      let size = 0;
      for (let part = this.#queue.shift(); part !== undefined; part = this.#queue.shift()) {
        const taken = part.subarray(0, writeSize - size);
        parts.push(taken);
        size += taken.length;
        this.#isWithinLine = taken[taken.length - 1] !== 10;
        if (taken.length < part.length) this.#queue.unshift(part.subarray(taken.length));
        if (size === writeSize) break;
      }
      this.#queued -= size;
      this.#send(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size));
    }
  }

  #drain(): void {
    this.#blocked = false;
    this.#sendQueue();
    if (this.#blocked) {
      if (this.#ending) this.#lingerOn();
      return;
    }
    this.#allowance = 0;
    const waiting = this.#drained;
    this.#drained = undefined;
    for (const callback of waiting ?? []) callback();
    if (this.#ending) this.#finish();
  }

  #finish(): void {
    this.#socket.end();
    // Nothing more is wanted from the client, but its FIN is: without it the connection would stay half open.
    this.#socket.resume();
    this.#lingerOn();
  }

  #lingerOn(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerTime).unref();
  }
}
