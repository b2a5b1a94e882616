import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect } from "vitest";

/** How long a client waits for what it expects, in milliseconds. */
const patience = 30_000;
/** How much of what was received an error shows, in characters. */
const shownLength = 2000;

const LF = 10;
const open = new Set<ChatClient>();

// Whatever a test leaves behind.
afterEach(() => {
  for (const client of open) client.close();
});

type Wait = { readonly look: () => void; readonly fail: (problem: string) => void };

/**
 * A chat client that keeps what it receives, byte for byte. What is waited for is taken, so that each wait
 * goes on behind the one before.
 */
export class ChatClient {
  readonly #socket: Socket;
  #received = Buffer.allocUnsafe(4096);
  #length = 0;
  /** Where the next wait begins. */
  #taken = 0;
  #over: "no" | "ended" | "broken" = "no";
  readonly #waits = new Set<Wait>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => this.#finish("ended"));
    socket.on("error", () => this.#finish("broken"));
    socket.on("close", () => {
      open.delete(this);
      this.#finish("ended");
    });
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<ChatClient> {
    const socket = connect({ port, host, noDelay: true });
    const client = new ChatClient(socket);
    await once(socket, "connect");
    open.add(client);
    return client;
  }

  /** Sends these bytes as they are. */
  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Sends lines in one write, each with its LF. */
  type(...lines: string[]): void {
    this.write(lines.map((line) => `${line}\n`).join(""));
  }

  /**
   * The next whole line, without its LF, that is equal to a text or matches a pattern, and the pattern's
   * groups. Lines before it are passed over.
   */
  async line(expected: string | RegExp): Promise<readonly [line: string, ...groups: string[]]> {
    const groups = (line: string): string[] | undefined =>
      typeof expected === "string" ? (line === expected ? [] : undefined) : expected.exec(line)?.slice(1);
    let start = this.#taken;
    return this.#until(`a line like ${expected}`, () => {
      for (let end = this.#lineEnd(start); end >= 0; end = this.#lineEnd(start)) {
        const line = this.#text(start, end);
        const found = groups(line);
        start = end + 1;
        if (found === undefined) continue;
        this.#taken = start;
        return [line, ...found];
      }
      return undefined;
    });
  }

  /** Expects exactly these bytes next. */
  async reads(expected: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(expected);
    await this.#until(`exactly ${JSON.stringify(bytes.toString())}`, () => {
      const end = Math.min(this.#taken + bytes.length, this.#length);
      const next = this.#received.subarray(this.#taken, end);
      if (!next.equals(bytes.subarray(0, next.length))) {
        expect(next.toString()).toBe(bytes.toString());
        throw new Error(`expected the bytes ${bytes.toString("hex")}, got ${next.toString("hex")}`);
      }
      if (next.length < bytes.length) return undefined;
      this.#taken = end;
      return true;
    });
  }

  /** All that comes up to this text and with it. */
  async upTo(text: string): Promise<string> {
    let start = this.#taken;
    return this.#until(`the text ${JSON.stringify(text)}`, () => {
      const found = this.#received.subarray(0, this.#length).indexOf(text, start);
      if (found < 0) {
        start = Math.max(start, this.#length - Buffer.byteLength(text));
        return undefined;
      }
      const end = found + Buffer.byteLength(text);
      const all = this.#text(this.#taken, end);
      this.#taken = end;
      return all;
    });
  }

  /** What comes before the server ends the connection. Fails when the connection breaks instead. */
  async ended(): Promise<string> {
    if (this.#over === "no") await this.#until("the end", () => (this.#over === "no" ? undefined : true));
    if (this.#over === "broken") throw new Error(`the connection broke, ${this.#soFar()}`);
    const rest = this.#text(this.#taken, this.#length);
    this.#taken = this.#length;
    return rest;
  }

  /** Whether the connection has ended or broken. */
  get isOver(): boolean {
    return this.#over !== "no";
  }

  /** All that was received so far. */
  get text(): string {
    return this.#text(0, this.#length);
  }

  /** Bytes that were written and that the system has not taken, since the server reads too slowly. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Stops reading; what the server sends waits in the system's buffers, while they last. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes the sending side only. */
  endSending(): void {
    this.#socket.end();
  }

  /** Closes the connection, without a word to the server. */
  close(): void {
    this.#socket.destroy();
  }

  /** Breaks the connection off (TCP RST), as a network that fails does. */
  breakOff(): void {
    this.#socket.resetAndDestroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#length + chunk.length > this.#received.length) {
      const grown = Buffer.allocUnsafe(2 * (this.#length + chunk.length));
      this.#received.copy(grown, 0, 0, this.#length);
      this.#received = grown;
    }
    this.#length += chunk.copy(this.#received, this.#length);
    for (const { look } of [...this.#waits]) look();
  }

  #finish(how: "ended" | "broken"): void {
    if (this.#over !== "no") return;
    this.#over = how;
    for (const { look, fail } of [...this.#waits]) {
      look();
      fail(how === "ended" ? "the connection ended" : "the connection broke");
    }
  }

  /** Asks `look` at everything that arrives until it answers; fails when the time or the connection is over. */
  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = look();
    if (found !== undefined) return found;
    if (this.#over !== "no") throw new Error(`waited for ${what} after the end, ${this.#soFar()}`);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = (problem: string): void =>
      reject(new Error(`waited for ${what}, but ${problem}, ${this.#soFar()}`));
    const wait: Wait = {
      fail,
      look: () => {
        try {
          const answer = look();
          if (answer !== undefined) resolve(answer);
        } catch (error) {
          reject(error);
        }
      },
    };
    this.#waits.add(wait);
    const timer = setTimeout(() => fail(`it did not come within ${patience / 1000} s`), patience);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waits.delete(wait);
    }
  }

  #lineEnd(start: number): number {
    return this.#received.subarray(0, this.#length).indexOf(LF, start);
  }

  #text(start: number, end: number): string {
    return this.#received.toString("utf8", start, end);
  }

  #soFar(): string {
    const rest = this.#text(this.#taken, this.#length);
    const shown = rest.length > shownLength ? `...${rest.slice(-shownLength)}` : rest;
    return `having received ${JSON.stringify(shown)} since what it took last`;
  }
}
