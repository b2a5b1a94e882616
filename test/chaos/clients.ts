import { connect, type Socket } from "node:net";
import type { Connection, RefusedAmong, SentMessage } from "./history.ts";

/** Messages that are open at a time while as much is sent as possible. */
const floodWindow = 80;
/** Makes messages as long as people's longer ones. */
const padding = "-".repeat(150);

/** How long people wait for the welcome, and for the answer to `join`, before they try again, in ms. */
const welcomePatience = 2000;
const joinPatience = 15_000;
/** How long they wait before they connect again, or try again to join, in milliseconds. */
const retryDelay = 250;
/** A message without any outcome for this long, over an open connection, is a fault of the server's, in ms. */
const outcomeLimit = 30_000;

/** What all clients of a run write down. */
export class Recorder {
  readonly messages = new Map<string, SentMessage>();
  readonly connections: Connection[] = [];
  readonly refusedAmong: RefusedAmong[] = [];
  /** Messages that got no outcome although their connection stayed. */
  readonly unanswered: string[] = [];
  readonly now: () => number;
  /** The server that a connection from a port has, by way of a router. */
  readonly serverOf: (localPort: number, router: string) => string;

  constructor(now: () => number, serverOf: (localPort: number, router: string) => string) {
    this.now = now;
    this.serverOf = serverOf;
  }
}

export type ClientOptions = {
  readonly port: number;
  readonly room: string;
  readonly user: string;
  readonly router: string;
  readonly recorder: Recorder;
  /** Milliseconds between two sends, while the window is open. */
  readonly interval: number;
  /** Messages without an outcome at a time. */
  readonly window: number;
};

/** Somebody who chats: joins a room, sends, and comes back whenever the connection ends. */
export class ChaosClient {
  readonly room: string;
  readonly user: string;
  /** What it is behind: `port` is that one's. */
  readonly router: string;
  /** When each echo came. */
  readonly echoes: number[] = [];
  readonly #options: ClientOptions;
  readonly #timer: NodeJS.Timeout;
  #session: ChatSession | undefined;
  #nextMessage = 0;
  #sending = true;
  #flooding = false;
  #closed = false;

  constructor(options: ClientOptions) {
    this.room = options.room;
    this.user = options.user;
    this.router = options.router;
    this.#options = options;
    this.#connect();
    this.#timer = setInterval(() => this.#tick(), options.interval);
  }

  /** Sends as much as it may, or at its own pace. */
  flood(on: boolean): void {
    this.#flooding = on;
  }

  /** Sends nothing more; stays in the room. */
  stopSending(): void {
    this.#sending = false;
  }

  /** It is in its room and has no message without an outcome. */
  get isQuiet(): boolean {
    return this.#session?.isJoined === true && this.#session.open.size === 0;
  }

  /** The connection that it has now, once it is in its room. */
  get connection(): Connection | undefined {
    return this.#session?.isJoined === true ? this.#session.connection : undefined;
  }

  /** Types `users`; resolves to the users listed, or to undefined if no list comes. */
  users(): Promise<string[] | undefined> {
    return this.#session?.users() ?? Promise.resolve(undefined);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#session?.close("closed by the run");
  }

  #connect(): void {
    this.#session = new ChatSession(
      this.#options,
      (at) => this.echoes.push(at),
      () => {
        this.#session = undefined;
        if (!this.#closed) setTimeout(() => !this.#closed && this.#connect(), retryDelay);
      },
    );
  }

  #tick(): void {
    this.#session?.checkOutcomes();
    if (!this.#sending) return;
    const window = this.#flooding ? floodWindow : this.#options.window;
    for (let count = this.#flooding ? floodWindow : 1; count > 0 && this.#session?.maySend(window); count--) {
      this.#session.send(`${this.user}-${this.#nextMessage++}`);
    }
  }
}

/** One connection, from the welcome to the end. */
class ChatSession {
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #onEcho: (at: number) => void;
  readonly #onEnd: () => void;
  readonly #openedAt: number;
  #patience: NodeJS.Timeout;
  #retry: NodeJS.Timeout | undefined;
  #rest = "";
  #ended = false;
  #connection: Connection | undefined;
  /** Messages without an outcome, oldest first. */
  readonly open = new Map<string, SentMessage>();
  /** Since an error that may be about any of these messages: nothing is sent until all have an outcome. */
  #unclear: { readonly among: SentMessage[]; readonly errors: string[] } | undefined;
  #onUsers: ((users: string[] | undefined) => void) | undefined;

  constructor(options: ClientOptions, onEcho: (at: number) => void, onEnd: () => void) {
    this.#options = options;
    this.#onEcho = onEcho;
    this.#onEnd = onEnd;
    this.#openedAt = options.recorder.now();
    this.#socket = connect({ port: options.port, host: "127.0.0.1", noDelay: true });
    this.#patience = setTimeout(() => this.close("no welcome"), welcomePatience);
    this.#socket.setEncoding("utf8");
    this.#socket.on("data", (text) => this.#receive(String(text)));
    this.#socket.on("error", () => {});
    this.#socket.on("end", () => this.close("ended by the server"));
    this.#socket.on("close", () => this.close("connection lost"));
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get isJoined(): boolean {
    return this.#connection?.joinedAt !== undefined;
  }

  maySend(window: number): boolean {
    return this.isJoined && this.#unclear === undefined && this.open.size < window;
  }

  send(id: string): void {
    const { recorder, room, user } = this.#options;
    const connection = this.#connection?.number ?? -1;
    const message: SentMessage = { id, room, user, connection, sentAt: recorder.now() };
    recorder.messages.set(id, message);
    this.open.set(id, message);
    this.#socket.write(`send ${id} ${padding}\n`);
  }

  users(): Promise<string[] | undefined> {
    this.#onUsers?.(undefined);
    return new Promise((resolve) => {
      this.#onUsers = resolve;
      this.#socket.write("users\n");
    });
  }

  /** Gives up on a connection whose server says nothing about a message. */
  checkOutcomes(): void {
    const { recorder } = this.#options;
    const limit = recorder.now() - outcomeLimit;
    const silent = [...this.open.values()].filter(({ sentAt }) => sentAt < limit);
    if (silent.length === 0) return;
    for (const { id } of silent) recorder.unanswered.push(id);
    this.close("no outcome");
  }

  close(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#retry);
    this.#socket.destroy();
    const at = this.#options.recorder.now();
    if (this.#connection !== undefined) {
      this.#connection.endedAt = at;
      this.#connection.endedBy = reason;
    }
    this.#settle();
    for (const message of this.open.values()) decide(message, "unknown", at, reason);
    this.open.clear();
    this.#onUsers?.(undefined);
    this.#onEnd();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (!this.#ended) this.#handle(line);
  }

  #handle(line: string): void {
    const { recorder, room, user } = this.#options;
    const connection = this.#connection;
    if (connection === undefined) {
      if (line.startsWith("Available commands")) this.#welcomed();
      return;
    }
    if (connection.joinedAt === undefined) {
      if (line === `Joined room ${room} as ${user}`) {
        clearTimeout(this.#patience);
        connection.joinedAt = recorder.now();
      } else if (line.startsWith("Error: cannot join")) {
        this.#retry = setTimeout(() => this.#join(), retryDelay);
      }
      return;
    }
    const message = /^\[\d\d:\d\d:\d\d\] (\S+): (\S+) -+$/.exec(line);
    if (message !== null) this.#received(connection, message[1] ?? "", message[2] ?? "");
    else if (line.startsWith("Error: message not ")) this.#failed(line);
    else if (line.startsWith("* Some messages")) connection.gapsTold++;
    else if (/^(Users in|Error: )/.test(line)) {
      this.#onUsers?.(/^Users in \S+: (.*)$/.exec(line)?.[1]?.split(", "));
      this.#onUsers = undefined;
    }
  }

  #welcomed(): void {
    const { recorder, room, user } = this.#options;
    clearTimeout(this.#patience);
    this.#connection = {
      number: recorder.connections.length,
      user,
      room,
      server: recorder.serverOf(this.#socket.localPort ?? 0, this.#options.router),
      openedAt: this.#openedAt,
      received: [],
      gapsTold: 0,
    };
    recorder.connections.push(this.#connection);
    this.#join();
  }

  #join(): void {
    const { recorder, room, user } = this.#options;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.close("no answer to join"), joinPatience);
    if (this.#connection !== undefined) this.#connection.joinSentAt = recorder.now();
    this.#socket.write(`join ${room} ${user}\n`);
  }

  #received(connection: Connection, user: string, id: string): void {
    const at = this.#options.recorder.now();
    connection.received.push({ id, at });
    if (user !== this.#options.user) return;
    const message = this.#options.recorder.messages.get(id);
    // One that is not confirmed may still appear; one that was refused must not, and stays refused.
    if (message?.connection === connection.number && message.outcome !== "refused") {
      decide(message, "accepted", at, "echo");
    }
    if (!this.open.delete(id)) return;
    this.#onEcho(at);
    if (this.#unclear !== undefined && this.open.size <= this.#unclear.errors.length) this.#settle();
  }

  #failed(line: string): void {
    this.#unclear ??= { among: [...this.open.values()], errors: [] };
    this.#unclear.errors.push(line);
    if (this.open.size <= this.#unclear.errors.length) this.#settle();
  }

  /** Gives the messages without an echo the outcomes that errors told; the open ones of a lost connection too. */
  #settle(): void {
    if (this.#unclear === undefined) return;
    const { recorder } = this.#options;
    const { among, errors } = this.#unclear;
    this.#unclear = undefined;
    const left = among.filter(({ id }) => this.open.has(id));
    const refused = errors.filter((line) => line.startsWith("Error: message not stored")).length;
    const isClear = errors.length === left.length && (refused === 0 || refused === left.length);
    for (const message of left) {
      const outcome = isClear && refused > 0 ? "refused" : "unknown";
      decide(message, outcome, recorder.now(), errors.join("; "));
      this.open.delete(message.id);
    }
    if (refused > 0 && !isClear) recorder.refusedAmong.push({ ids: among.map(({ id }) => id), refused });
  }
}

function decide(message: SentMessage, outcome: SentMessage["outcome"], at: number, answer: string): void {
  if (outcome !== undefined) message.outcome = outcome;
  message.outcomeAt = at;
  // All of it is worth knowing, if there is more than one answer.
  message.answer = message.answer === undefined ? answer : `${message.answer}, then ${answer}`;
}
