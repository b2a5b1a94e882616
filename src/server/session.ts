import type { Socket } from "node:net";
import { roomIdProblem, userIdProblem } from "../chat/names.ts";
import type { Log } from "../platform/log.ts";
import type { ValuesOf } from "../platform/settings.ts";
import { type Command, commandList, parseCommand, welcome } from "./commands.ts";
import type { History } from "./history.ts";
import { type Line, LineReader } from "./line-reader.ts";
import type { ServerMetrics } from "./metrics.ts";
import { Outbox } from "./outbox.ts";
import type { PartitionPublisher } from "./partition-publisher.ts";
import type { Presence } from "./presence/presence.ts";
import type { Publisher } from "./publisher.ts";
import { RateLimit } from "./rate-limit.ts";
import type { Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import type { serverSettings } from "./settings.ts";

const joinFirst = Buffer.from("Join a room first\n");
const askUserId = Buffer.from("Enter your user ID: ");
const restarting = Buffer.from("* Server is restarting, please reconnect\n");
/** Seconds' worth of messages that may come at once. */
const burstSeconds = 5;

export type SessionOptions = {
  readonly settings: Pick<
    ValuesOf<typeof serverSettings>,
    "maxLineBytes" | "sendQueueBytes" | "messagesPerSecond" | "joinTimeout"
  >;
  readonly rooms: Rooms;
  readonly publisher: Publisher;
  readonly presence: Presence;
  readonly history: History;
  readonly metrics: ServerMetrics;
  readonly log: Log;
};

/** The room that a session has joined. */
type Membership = { readonly room: Room; readonly user: string; readonly publisher: PartitionPublisher };

/**
 * One client's connection: its lines, the room that it is in, and the answers.
 *
 * 1. Lines are handled one after the other. `send` does not wait for its echo; any other command waits until
 *    all sends before it are answered, so that what comes back reads in the order of what was typed.
 * 2. While a line cannot be handled yet (too fast, a full buffer, a command under way, answers that the
 *    client has yet to read), nothing is read.
 * 3. Every message that was accepted is answered: by its echo, or by an error.
 */
export class Session {
  readonly id: string;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #reader: LineReader;
  readonly #outbox: Outbox;
  readonly #rate: RateLimit;
  readonly #joinTimer: NodeJS.Timeout;
  #membership: Membership | undefined;
  /** The room that was asked for, while its user id is awaited. */
  #joining: string | undefined;
  /** A line that could not be handled yet. */
  #held: string | undefined;
  /** Why no line is handled right now. */
  #blocked = false;
  #unanswered = 0;
  readonly #onAnswered: (() => void)[] = [];
  #inputEnded = false;
  /** The server stops: no further line is handled. */
  #stopping = false;
  /** The session is over; what it still waits for is of no interest any more. */
  #leaving = false;

  constructor(id: string, socket: Socket, options: SessionOptions) {
    const { settings } = options;
    this.id = id;
    this.#socket = socket;
    this.#options = options;
    this.#reader = new LineReader(settings.maxLineBytes);
    this.#outbox = new Outbox(socket, settings.sendQueueBytes, () =>
      this.#close("slow", "Error: you are reading too slowly, closing\n"),
    );
    this.#rate = new RateLimit(
      settings.messagesPerSecond,
      settings.messagesPerSecond * burstSeconds,
      performance.now(),
    );
    this.#joinTimer = setTimeout(() => {
      this.#close("join timeout", "Error: no room joined in time, closing\n");
    }, settings.joinTimeout);

    socket.on("data", (chunk) => {
      // It is read so that the connection can end.
      if (this.#leaving) return;
      this.#reader.push(chunk);
      this.#handleLines();
    });
    socket.on("end", () => {
      this.#inputEnded = true;
      this.#reader.end();
      this.#handleLines();
    });
    // What an error says is of no use to anyone; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#closedByClient());
    this.write(Buffer.from(welcome));
  }

  /** Resolves when the session has left its room and its connection is gone or going. */
  readonly ended = Promise.withResolvers<void>();

  write(data: Buffer): void {
    this.#outbox.write(data);
  }

  /** As Sender: a message's outcome. */
  stored(): void {
    this.#options.metrics.stored.count++;
    this.#answered();
  }

  /** As Sender: a message's outcome. */
  failed(problem: string): void {
    this.#options.metrics.failed.inc({
      outcome: problem.startsWith("message not stored") ? "refused" : "unknown",
    });
    this.#say(`Error: ${problem}\n`);
    this.#answered();
  }

  /** The server stops: what was accepted is answered, then the client is told so, and the connection ends. */
  async restart(): Promise<void> {
    if (this.#leaving) return this.ended.promise;
    this.#stopping = true;
    this.#block();
    await this.#allAnswered();
    await this.#end(restarting);
    // It may have been on its way out already.
    await this.ended.promise;
  }

  #say(text: string): void {
    this.#outbox.answer(Buffer.from(text));
  }

  #answered(): void {
    if (--this.#unanswered > 0) return;
    for (const callback of this.#onAnswered.splice(0)) callback();
  }

  /** Resolves when no send is open. An echo is written before its sender is told. */
  async #allAnswered(): Promise<void> {
    if (this.#unanswered > 0) await new Promise<void>((resolve) => this.#onAnswered.push(resolve));
  }

  #block(): void {
    this.#blocked = true;
    this.#socket.pause();
  }

  #unblock(): void {
    if (this.#leaving || this.#stopping) return;
    this.#blocked = false;
    this.#handleLines();
    if (!this.#blocked) this.#socket.resume();
  }

  #handleLines(): void {
    while (!this.#blocked && !this.#leaving) {
      // Whoever does not read the answers gets no more of them; only what others say can be too much then.
      if (this.#outbox.blocked) {
        this.#options.metrics.answerPauses.inc();
        this.#block();
        return this.#outbox.whenDrained(() => this.#unblock());
      }
      if (this.#held !== undefined) {
        const held = this.#held;
        this.#held = undefined;
        this.#handleText(held);
        continue;
      }
      const line = this.#reader.next();
      if (line === undefined) {
        if (this.#inputEnded) this.#run(() => this.#end());
        return;
      }
      this.#handleLine(line);
    }
  }

  #handleLine(line: Line): void {
    if (line.kind === "text") {
      const wait = this.#rate.take(performance.now());
      if (wait === 0) return this.#handleText(line.text);
      this.#options.metrics.ratePauses.inc();
      this.#held = line.text;
      this.#block();
      setTimeout(() => {
        // The token that the line waited for.
        this.#rate.take(performance.now());
        this.#unblock();
      }, wait);
      return;
    }
    this.#options.metrics.badLines.inc({ reason: line.kind });
    this.#run(() =>
      this.#say(
        line.kind === "too-long"
          ? `Error: your line is longer than ${this.#options.settings.maxLineBytes} bytes, it was skipped\n`
          : "Error: your line is not valid UTF-8 text, it was skipped\n",
      ),
    );
  }

  #handleText(text: string): void {
    if (this.#joining !== undefined) {
      const room = this.#joining;
      this.#joining = undefined;
      return this.#join(room, text.trim());
    }
    this.#handleCommand(parseCommand(text), text);
  }

  #handleCommand(command: Command, line: string): void {
    switch (command.name) {
      case "send":
        return this.#send(command.text, line);
      case "join":
        return this.#askToJoin(command.room, command.user);
      case "users":
        return this.#run(() => this.#users());
      case "history":
        return this.#run(() => this.#history());
      case "exit":
        return this.#run(async () => {
          this.#say("Goodbye!\n");
          await this.#end();
        });
      case "help":
        return this.#run(() => this.#say(`${commandList}\n`));
      case "usage":
        return this.#run(() => this.#say(`${command.text}\n`));
      case "unknown":
        return this.#run(() => this.#say(`Unknown command: ${shortened(command.word)}\n${commandList}\n`));
      case "empty":
        return;
    }
  }

  /** Handles nothing else until all sends are answered and `action` is done. */
  #run(action: () => void | Promise<void>): void {
    this.#block();
    void (async () => {
      await this.#allAnswered();
      if (!this.#leaving) await action();
      this.#unblock();
    })();
  }

  #send(text: string, line: string): void {
    const { publisher, metrics } = this.#options;
    const membership = this.#membership;
    if (membership === undefined) return this.#run(() => this.write(joinFirst));
    if (publisher.accept(membership.publisher, membership.room.id, membership.user, text, this)) {
      this.#unanswered++;
      metrics.accepted.count++;
      return;
    }
    metrics.bufferPauses.inc();
    this.#held = line;
    this.#block();
    membership.publisher.whenDrained(() => this.#unblock());
  }

  #askToJoin(room: string, user: string | undefined): void {
    const problem = roomIdProblem(room);
    if (problem !== undefined) return this.#run(() => this.#say(`Error: ${problem}\n`));
    if (user !== undefined) return this.#join(room, user);
    this.#run(() => {
      this.#joining = room;
      this.write(askUserId);
    });
  }

  #join(id: string, user: string): void {
    this.#run(async () => {
      const problem = userIdProblem(user);
      if (problem !== undefined) return this.#say(`Error: ${problem}\n`);
      const { rooms, publisher, presence, log } = this.#options;
      let room: Room;
      try {
        room = await rooms.acquire(id);
      } catch (error) {
        log.warn({ room: id, err: error }, "could not open a room");
        return this.#say(`Error: cannot join ${id} right now, the message store does not answer\n`);
      }
      // Only now: whoever cannot join stays where it is.
      await this.#leave();
      if (this.#leaving) return rooms.release(id);
      clearTimeout(this.#joinTimer);
      // What was delivered before is for those who were there.
      room.flush();
      room.members.add(this);
      this.#membership = { room, user, publisher: publisher.of(id) };
      this.#say(`Joined room ${id} as ${user}\n`);
      await presence.join(id, user, this.id);
    });
  }

  async #leave(): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined) return;
    this.#membership = undefined;
    const { room, user } = membership;
    room.members.delete(this);
    this.#options.rooms.release(room.id);
    await this.#options.presence.leave(room.id, user, this.id);
  }

  async #users(): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined) return this.write(joinFirst);
    const { id } = membership.room;
    try {
      const users = await this.#options.presence.users(id);
      this.#say(`Users in ${id}: ${users.join(", ")}\n`);
    } catch (error) {
      this.#say(`Error: ${(error as Error).message}\n`);
    }
  }

  async #history(): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined) return this.write(joinFirst);
    const { room } = membership;
    try {
      const lines = await this.#options.history.lines(room.id, room.last);
      this.#say(lines === "" ? `No messages in ${room.id} yet\n` : lines);
    } catch (error) {
      this.#options.log.warn({ room: room.id, err: error }, "could not read a room's history");
      this.#say(
        `Error: cannot read the history of ${room.id} right now, the message store does not answer\n`,
      );
    }
  }

  async #end(lastLine?: Buffer): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    clearTimeout(this.#joinTimer);
    await this.#leave();
    // The answer to a command that was under way may have come until now.
    if (lastLine !== undefined) this.write(lastLine);
    this.#outbox.end();
    this.ended.resolve();
  }

  /** Closes a connection that cannot go on; `lastLine` says why. */
  #close(reason: string, lastLine: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    clearTimeout(this.#joinTimer);
    this.#options.metrics.closed.inc({ reason });
    this.#outbox.endWith(lastLine);
    void this.#leave().then(() => this.ended.resolve());
  }

  #closedByClient(): void {
    this.#outbox.discard();
    clearTimeout(this.#joinTimer);
    if (this.#leaving) return;
    this.#leaving = true;
    void this.#leave().then(() => this.ended.resolve());
  }
}

function shortened(word: string): string {
  const characters = [...word];
  return characters.length > 40 ? `${characters.slice(0, 40).join("")}...` : word;
}
