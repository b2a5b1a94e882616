import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Protocol } from "../protocols/protocol.ts";
import { nickOf } from "../protocols/text.ts";
import { LineScanner } from "./line-scanner.ts";

/** Every read goes here, and is over before the next. */
const received = Buffer.allocUnsafeSlow(256 * 1024);
const patience = 60_000;

export type MemberEvents = {
  onMessage(sender: number, sequence: number): void;
  /** All that came in one read has been looked at. */
  onRead(): void;
  onFault(text: string): void;
};

export type MemberOptions = {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly room: string;
  /** Its number among all connections of the run, and that of its room's first member. */
  readonly connection: number;
  readonly firstConnection: number;
};

/** One connection: greets, joins its room, and hands on what comes. */
export class Member {
  readonly socket: Socket;
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #nick: string;
  #wanted: ((line: string) => boolean) | undefined;
  #found: PromiseWithResolvers<void> | undefined;
  #isClosing = false;

  private constructor(options: MemberOptions, events: MemberEvents) {
    const { protocol, host, port, connection, firstConnection } = options;
    this.#options = options;
    this.#events = events;
    this.#nick = nickOf(connection);
    const scanner = new LineScanner(protocol, firstConnection, {
      onMessage: events.onMessage,
      onLine: (line) => this.#onLine(line),
    });
    this.socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: received,
        callback: (length) => {
          scanner.scan(received, length);
          events.onRead();
          return true;
        },
      },
    });
    this.socket.on("error", (error) => this.#fail(error.message));
    this.socket.on("close", () => this.#fail("the connection was closed"));
  }

  /** Done when it has been welcomed. */
  static async connect(options: MemberOptions, events: MemberEvents): Promise<Member> {
    const member = new Member(options, events);
    const welcomed = member.#sees(options.protocol.isWelcome);
    const hello = options.protocol.hello(member.#nick);
    if (hello !== "")
      once(member.socket, "connect").then(
        () => member.socket.write(hello),
        () => {},
      );
    await welcomed;
    return member;
  }

  /** Done when it is in its room. */
  async join(): Promise<void> {
    const { protocol, room } = this.#options;
    const joined = this.#sees((line) => protocol.isJoined(line, room, this.#nick));
    this.socket.write(protocol.join(room, this.#nick));
    await joined;
  }

  close(): void {
    this.#isClosing = true;
    // Without the wait for the other side, which would hold the local port for a minute.
    this.socket.resetAndDestroy();
  }

  async #sees(wanted: (line: string) => boolean): Promise<void> {
    this.#wanted = wanted;
    this.#found = Promise.withResolvers();
    const timer = setTimeout(() => this.#fail("nothing came for a minute"), patience);
    await this.#found.promise.finally(() => clearTimeout(timer));
  }

  #onLine(line: string): void {
    if (this.#wanted?.(line)) {
      this.#wanted = undefined;
      this.#found?.resolve();
      this.#found = undefined;
      return;
    }
    const answer = this.#options.protocol.answer(line);
    if (answer !== undefined) this.socket.write(answer);
    else if (this.#options.protocol.isProblem(line)) this.#fail(`got ${JSON.stringify(line.slice(0, 200))}`);
  }

  #fail(text: string): void {
    if (this.#isClosing) return;
    const where = `${this.#options.room}: ${this.#nick}: ${text}`;
    if (this.#found === undefined) return this.#events.onFault(where);
    this.#found.reject(new Error(where));
    this.#found = undefined;
  }
}
