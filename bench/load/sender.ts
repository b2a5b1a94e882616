import type { Socket } from "node:net";
import type { Protocol } from "../protocols/protocol.ts";
import { loadText, sequenceDigits, sequenceStart, writeNumber } from "../protocols/text.ts";

export type SenderOptions = {
  readonly socket: Socket;
  readonly protocol: Protocol;
  readonly room: string;
  /** Its number in its room. */
  readonly number: number;
  readonly textBytes: number;
  /** The most messages that may be on their way at once. */
  readonly open: number;
};

/** The most messages in one write. */
const writeLimit = 128;

/** A member's sending side: makes its messages in place, and knows when each was due. */
export class Sender {
  readonly #socket: Socket;
  readonly #messageBytes: number;
  readonly #numberStart: number;
  readonly #due: Float64Array;
  #buffer: Buffer;
  readonly #capacity: number;
  #filled = 0;
  #written = 0;
  /** Messages that have arrived with its witness. */
  arrived = 0;

  constructor({ socket, protocol, room, number, textBytes, open }: SenderOptions) {
    const { before, after } = protocol.say(room);
    const message = Buffer.from(`${before}${loadText(number, 0, textBytes)}${after}`, "latin1");
    this.#socket = socket;
    this.#messageBytes = message.length;
    this.#numberStart = before.length + sequenceStart;
    this.#due = new Float64Array(2 ** Math.ceil(Math.log2(Math.max(1, open))));
    this.#capacity = Math.min(writeLimit, this.#due.length);
    this.#buffer = Buffer.alloc(message.length * this.#capacity, message);
  }

  get sent(): number {
    return this.#written + this.#filled;
  }

  /** How many more may be on their way. */
  get free(): number {
    return this.#due.length - (this.sent - this.arrived);
  }

  /** Makes the next message, which was due at `due`; it goes out with `flush`. */
  add(due: number): void {
    if (this.#filled === this.#capacity) this.flush();
    const sequence = this.sent;
    this.#due[sequence & (this.#due.length - 1)] = due;
    const start = this.#filled * this.#messageBytes + this.#numberStart;
    writeNumber(this.#buffer, start, sequenceDigits, sequence);
    this.#filled++;
  }

  flush(): void {
    if (this.#filled === 0) return;
    this.#socket.write(this.#buffer.subarray(0, this.#filled * this.#messageBytes));
    // What the kernel has not taken yet must stay as it is.
    if (this.#socket.writableLength > 0) this.#buffer = Buffer.from(this.#buffer);
    this.#written += this.#filled;
    this.#filled = 0;
  }

  /** When message `sequence` was due. */
  dueOf(sequence: number): number {
    return this.#due[sequence & (this.#due.length - 1)] as number;
  }
}
