import type { Socket } from "node:net";

/** How long a connection that is being closed may take to read its last lines, in milliseconds. */
const lingerTime = 5000;

/**
 * What waits to be sent to one client. Writing never blocks; a client that does not read is closed when more
 * than `limit` bytes wait, and the reason is its last line.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #onOverflow: () => void;
  /** Waits until the socket has taken what it was given; whole lines, shared between members. */
  #queue: Buffer[] = [];
  #queued = 0;
  #blocked = false;
  #ending = false;

  constructor(socket: Socket, limit: number, onOverflow: () => void) {
    this.#socket = socket;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
    socket.on("drain", () => this.#drain());
  }

  /** Sends whole lines, now or as soon as the client has read enough. */
  write(data: Buffer): void {
    if (this.#ending) return;
    if (!this.#blocked) return this.#send(data);
    this.#queue.push(data);
    this.#queued += data.length;
    if (this.#queued > this.#limit) this.#onOverflow();
  }

  /** Sends what waits, then ends the connection. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#blocked) this.#finish();
    else setTimeout(() => this.#socket.destroy(), lingerTime).unref();
  }

  /** Drops what waits and ends the connection with `lastLine`. */
  endWith(lastLine: string): void {
    if (this.#ending) return;
    this.#queue = [];
    this.#queued = 0;
    if (this.#blocked) this.#queue.push(Buffer.from(lastLine));
    else this.#send(Buffer.from(lastLine));
    this.end();
  }

  /** The connection is gone. */
  discard(): void {
    this.#ending = true;
    this.#queue = [];
  }

  #send(data: Buffer): void {
    // A write that the kernel took whole leaves nothing waiting, whatever its size.
    if (!this.#socket.write(data)) this.#blocked = this.#socket.writableLength > 0;
  }

  #drain(): void {
    this.#blocked = false;
    const queue = this.#queue;
    if (queue.length > 0) {
      this.#queue = [];
      this.#queued = 0;
      this.#send(queue.length === 1 ? (queue[0] as Buffer) : Buffer.concat(queue));
    }
    if (this.#ending && !this.#blocked) this.#finish();
  }

  #finish(): void {
    this.#socket.end();
    // Nothing more is wanted from the client, but its FIN is: without it the connection would stay half open.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), lingerTime).unref();
  }
}
