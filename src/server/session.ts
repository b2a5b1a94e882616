import type { Socket } from "node:net";
import { escapedContent, messageHead, type Slice } from "../chat/message.ts";
import { roomIdProblem, userIdProblem } from "../chat/names.ts";
import type { Log } from "../platform/log.ts";
import type { ValuesOf } from "../platform/settings.ts";
import { type Command, commandList, parseCommand, plainSend, welcome } from "./commands.ts";
import type { History } from "./history.ts";
import { Input, type InputOptions, type LineHandler } from "./input.ts";
import type { JoinTimeout } from "./join-timeout.ts";
import { type TextLine, textOf } from "./line-reader.ts";
import { Outbox } from "./outbox.ts";
import type { Sender } from "./outgoing-batch.ts";
import type { PartitionPublisher } from "./partition-publisher.ts";
import type { Presence } from "./presence/presence.ts";
import type { Publisher } from "./publisher.ts";
import type { Member, Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import type { serverSettings } from "./settings.ts";

const welcomeLines = Buffer.from(welcome);
const joinFirst = Buffer.from("Join a room first\n");
const askUserId = Buffer.from("Enter your user ID: ");
const restarting = Buffer.from("* Server is restarting, please reconnect\n");

export type SessionOptions = InputOptions & {
  readonly settings: Pick<ValuesOf<typeof serverSettings>, "sendQueueBytes">;
  readonly rooms: Rooms;
  readonly publisher: Publisher;
  readonly presence: Presence;
  readonly history: History;
  readonly joinTimeout: JoinTimeout<Session>;
  readonly log: Log;
  /** The session has left its room, and its connection is gone or going. */
  readonly onEnded: (session: Session) => void;
};

/** The room that a session has joined. */
type Membership = {
  readonly room: Room;
  readonly user: string;
  readonly publisher: PartitionPublisher;
  /** What its messages begin with. */
  readonly head: string;
};

/**
 * One client's connection: the room that it is in, its commands, and the answers.
 *
 * 1. Lines are handled one after the other. `send` does not wait for its echo; any other command waits until
 *    all sends before it are answered, so that what comes back reads in the order of what was typed.
 * 2. Every message that was accepted is answered: by its echo, or by an error.
 *
 * There are many, and most of them idle: what is the same for all, and what is needed now and then, is not kept
 * by each.
 */
export class Session implements LineHandler, Member, Sender {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #input: Input;
  readonly #outbox: Outbox;
  #membership: Membership | undefined;
  /** The room that was asked for, while its user id is awaited. */
  #joining: string | undefined;
  #unanswered = 0;
  /** Who waits until no send is open. */
  #onAnswered: (() => void)[] | undefined;
  /** The session is over; what it still waits for is of no interest any more. */
  #leaving = false;
  #ended = false;
  /** Who waits for the end while the server stops. */
  #onEnded: (() => void) | undefined;

  constructor(id: string, socket: Socket, options: SessionOptions) {
    this.id = id;
    this.#options = options;
    this.#outbox = new Outbox(socket, options.settings.sendQueueBytes, () =>
      this.#close("slow", "Error: you are reading too slowly, closing\n"),
    );
    this.#input = new Input(socket, this.#outbox, options, this);
    options.joinTimeout.begin(this);
    // What an error says is of no use to anyone; "close" follows.
    socket.on("error", ignore);
    socket.on("close", () => this.#closedByClient());
    this.write(welcomeLines);
  }

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
    this.#input.stop();
    if (!this.#leaving) {
      await this.#allAnswered();
      await this.#end(restarting);
    }
    // It may have been on its way out already.
    if (!this.#ended) await new Promise<void>((resolve) => (this.#onEnded = resolve));
  }

  joinTimedOut(): void {
    this.#close("join timeout", "Error: no room joined in time, closing\n");
  }

  handleLine(line: TextLine): void {
    if (this.#joining !== undefined) {
      const room = this.#joining;
      this.#joining = undefined;
      return this.#join(room, textOf(line).trim());
    }
    // Most lines by far: their bytes go into the batch as they came.
    const content = line.kind === "plain" ? plainSend(line) : undefined;
    if (content !== undefined) this.#send(content, line);
    else this.#handleCommand(parseCommand(textOf(line)), line);
  }

  handleBadLine(kind: "too-long" | "invalid-utf8"): void {
    this.#run(() =>
      this.#say(
        kind === "too-long"
          ? `Error: your line is longer than ${this.#options.settings.maxLineBytes} bytes, it was skipped\n`
          : "Error: your line is not valid UTF-8 text, it was skipped\n",
      ),
    );
  }

  handleEnd(): void {
    this.#run(() => this.#end());
  }

  #say(text: string): void {
    this.#outbox.answer(Buffer.from(text));
  }

  #answered(): void {
    if (--this.#unanswered > 0) return;
    const waiting = this.#onAnswered;
    this.#onAnswered = undefined;
    for (const callback of waiting ?? []) callback();
  }

  /** Resolves when no send is open. An echo is written before its sender is told. */
  async #allAnswered(): Promise<void> {
    if (this.#unanswered === 0) return;
    this.#onAnswered ??= [];
    await new Promise<void>((resolve) => this.#onAnswered?.push(resolve));
  }

  #handleCommand(command: Command, line: TextLine): void {
    switch (command.name) {
      case "send":
        return this.#send(escapedContent(command.text), line);
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
    this.#input.block();
    void (async () => {
      await this.#allAnswered();
      if (!this.#leaving) await action();
      this.#input.unblock();
    })();
  }

  #send(content: Slice, line: TextLine): void {
    const { publisher, metrics } = this.#options;
    const membership = this.#membership;
    if (membership === undefined) return this.#run(() => this.write(joinFirst));
    if (publisher.accept(membership.publisher, membership.room.id, membership.head, content, this)) {
      this.#unanswered++;
      metrics.accepted.count++;
      return;
    }
    metrics.bufferPauses.inc();
    this.#input.putBack(line);
    this.#input.block();
    membership.publisher.whenDrained(() => this.#input.unblock());
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
      this.#options.joinTimeout.end(this);
      // What was delivered before is for those who were there.
      room.flush();
      room.members.add(this);
      this.#membership = { room, user, publisher: publisher.of(id), head: messageHead(id, user) };
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
    if (!this.#beginToLeave()) return;
    await this.#leave();
    // The answer to a command that was under way may have come until now.
    if (lastLine !== undefined) this.write(lastLine);
    this.#outbox.end();
    this.#hasEnded();
  }

  /** Closes a connection that cannot go on; `lastLine` says why. */
  #close(reason: string, lastLine: string): void {
    if (!this.#beginToLeave()) return;
    this.#options.metrics.closed.inc({ reason });
    this.#outbox.endWith(lastLine);
    void this.#leave().then(() => this.#hasEnded());
  }

  #closedByClient(): void {
    this.#outbox.discard();
    if (this.#beginToLeave()) void this.#leave().then(() => this.#hasEnded());
  }

  /** False if it does already. */
  #beginToLeave(): boolean {
    if (this.#leaving) return false;
    this.#leaving = true;
    this.#input.stop();
    this.#options.joinTimeout.end(this);
    return true;
  }

  #hasEnded(): void {
    this.#ended = true;
    this.#options.onEnded(this);
    this.#onEnded?.();
  }
}

const ignore = (): void => {};

function shortened(word: string): string {
  const characters = [...word];
  return characters.length > 40 ? `${characters.slice(0, 40).join("")}...` : word;
}
