import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import { fromLive, type RoomLog, requestTimeout, type StoredSection } from "../chat/room-log.ts";
import { liveSubject, roomsStream } from "../chat/subjects.ts";
import type { Log } from "../platform/log.ts";
import { subscribe } from "../platform/nats.ts";
import { within } from "../platform/within.ts";
import { Room, type RoomOptions } from "./room.ts";

/** How many rooms are asked about at once. */
const checkSize = 500;
/** A room that was just opened is checked after this long, in ms: a flush proves interest at one node only. */
const secondCheckDelay = 1000;
/** How much later than word of its being stored a live message may come, in ms, before it counts as lost. */
export const liveDelay = 100;
/** How long a room may take to deliver what its log holds, in ms, before somebody's joining it is given up. */
const catchUpTime = 5000;
/**
 * For how long joining is tried again when NATS does not answer, in ms, and how soon. An election takes NATS 4
 * to 9 s: people who join meanwhile wait, and need not try themselves.
 */
const joinPatience = 8000;
const joinRetryDelay = 250;

type OpenRoom = {
  readonly room: Room;
  readonly subscription: Subscription;
  /** Whether it has begun behind the end of its log. */
  begun: boolean;
  /** The read of the log's end that is under way, and the one that follows it for those who came meanwhile. */
  reading: Promise<void> | undefined;
  nextRead: Promise<StoredSection | undefined> | undefined;
  /** How many sessions have it open. */
  users: number;
};

export type RoomsOptions = RoomOptions & {
  readonly connection: NatsConnection;
  /** How often the rooms are compared with their log, in milliseconds. */
  readonly checkInterval: number;
  readonly onOpened: (room: string) => void;
  readonly onClosed: (room: string) => void;
};

/** The rooms that have members on this server: one core subscription each, and no consumer. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #log: RoomLog;
  readonly #logger: Log;
  readonly #open = new Map<string, OpenRoom>();
  readonly #timer: NodeJS.Timeout;
  readonly #advisories: Subscription;
  #justOpened = new Set<string>();
  /** When ChatRooms was created, and its last sequence at the last full check. */
  #created: string | undefined;
  #checkedUpTo = -1;
  #checking = false;
  #checkAgain = false;
  #flushing: Promise<void> | undefined;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#logger = options.logger;
    this.#timer = setInterval(() => this.check(), options.checkInterval);
    this.#advisories = subscribe(
      options.connection,
      `$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.${roomsStream}`,
      () => this.check(),
    );
    void this.#checkOnReconnect();
  }

  get size(): number {
    return this.#open.size;
  }

  get(id: string): Room | undefined {
    return this.#open.get(id)?.room;
  }

  /**
   * The room, until `release`: all that its log held at the call has been delivered to those who were there
   * before. Rejects when NATS does not answer: after 8 s and a last try, which takes 9 s at most.
   */
  async acquire(id: string): Promise<Room> {
    const open = this.#open.get(id) ?? this.#openRoom(id);
    open.users++;
    const deadline = performance.now() + joinPatience;
    for (;;) {
      try {
        await this.#bringUpToDate(open);
        return open.room;
      } catch (error) {
        if (performance.now() > deadline) {
          this.release(id);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, joinRetryDelay));
      }
    }
  }

  /** To be called once for each `acquire` that resolved. */
  release(id: string): void {
    const open = this.#open.get(id);
    if (open === undefined || --open.users > 0) return;
    open.subscription.unsubscribe();
    open.room.close();
    this.#open.delete(id);
    this.#options.onClosed(id);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#advisories.unsubscribe();
    for (const { room, subscription } of this.#open.values()) {
      subscription.unsubscribe();
      room.close();
    }
    this.#open.clear();
  }

  /** Looks for messages that got lost on the way here: a lost last message shows no gap. */
  check(): void {
    if (this.#checking) {
      this.#checkAgain = true;
      return;
    }
    this.#checking = true;
    void this.#checkAll()
      .catch((error: Error) =>
        this.#logger.warn({ err: error }, "could not compare the rooms with their log"),
      )
      .then(() => {
        this.#checking = false;
        if (!this.#checkAgain) return;
        this.#checkAgain = false;
        this.check();
      });
  }

  #openRoom(id: string): OpenRoom {
    const room = new Room(id, this.#options);
    const subscription = subscribe(this.#options.connection, liveSubject(id), (message) => {
      const section = fromLive(message);
      if (section !== undefined) room.receive(section);
    });
    const open = { room, subscription, begun: false, reading: undefined, nextRead: undefined, users: 0 };
    this.#open.set(id, open);
    this.#options.onOpened(id);
    return open;
  }

  #begin(open: OpenRoom, last: StoredSection | undefined): void {
    const { room } = open;
    open.begun = true;
    room.begin(last);
    if (this.#justOpened.size === 0) {
      setTimeout(() => {
        const rooms = [...this.#justOpened];
        this.#justOpened = new Set();
        this.#compare(rooms).catch((error: Error) =>
          this.#logger.warn({ err: error }, "could not check rooms that were just opened"),
        );
      }, secondCheckDelay).unref();
    }
    this.#justOpened.add(room.id);
  }

  async #bringUpToDate(open: OpenRoom): Promise<void> {
    const { room } = open;
    open.nextRead ??= this.#readEnd(open);
    const last = await open.nextRead;
    if (!open.begun) this.#begin(open, last);
    const sequence = last?.sequence ?? 0;
    if (room.last >= sequence) return;
    // What is on its way here comes sooner than it could be read.
    const timer = setTimeout(() => room.expect(sequence), liveDelay);
    const reached = await within(
      catchUpTime,
      room.reached(sequence).then(() => true),
    );
    clearTimeout(timer);
    if (!reached) throw new Error(`the log of room ${room.id} could not be read in time`);
  }

  /** The end of a room's log, read later than now: one read for all who ask before it begins. */
  async #readEnd(open: OpenRoom): Promise<StoredSection | undefined> {
    try {
      await (open.reading ?? this.#flushed());
    } finally {
      open.nextRead = undefined;
    }
    const last = this.#log.last(open.room.id);
    const over = (): void => {
      open.reading = undefined;
    };
    open.reading = last.then(over, over);
    return last;
  }

  /** Subscribed is what rooms are already; behind the flush, the server knows it. One for all of a turn. */
  #flushed(): Promise<void> {
    this.#flushing ??= this.#flush();
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#flushing = undefined;
    const flushed = await within(
      requestTimeout,
      this.#options.connection.flush().then(() => true),
    );
    if (!flushed) throw new Error("NATS does not answer");
  }

  async #checkAll(): Promise<void> {
    const { created, lastSequence } = await this.#log.state();
    if (this.#created !== undefined && created !== this.#created) {
      await this.#restart();
    }
    this.#created = created;
    if (lastSequence === this.#checkedUpTo) return;
    // A replica that lags has not shown what it lacks.
    this.#checkedUpTo = Math.min(lastSequence, await this.#compare([...this.#open.keys()]));
  }

  /** ChatRooms is another one: its rooms hold what it says, and nothing else. */
  async #restart(): Promise<void> {
    for (const { room } of [...this.#open.values()]) {
      room.restart((await this.#log.last(room.id))?.sequence ?? 0);
    }
  }

  /** Compares rooms with their log as it was up to the sequence that this resolves to. */
  async #compare(ids: readonly string[]): Promise<number> {
    let comparedUpTo = Number.POSITIVE_INFINITY;
    for (let start = 0; start < ids.length; start += checkSize) {
      const { sequences, upTo } = await this.#log.lastSequences(ids.slice(start, start + checkSize));
      comparedUpTo = Math.min(comparedUpTo, upTo);
      for (const [id, sequence] of sequences) {
        const room = this.get(id);
        if (room === undefined) continue;
        room.expect(sequence);
        if (sequence < room.last) await this.#checkLower(room);
      }
    }
    return comparedUpTo;
  }

  /** A log that ends before what was delivered: the replica that answered lags, or the stream was restored. */
  async #checkLower(room: Room): Promise<void> {
    const last = await this.#log.last(room.id);
    if (last !== undefined && last.sequence < room.last) room.receive(last);
  }

  async #checkOnReconnect(): Promise<void> {
    for await (const status of this.#options.connection.status()) {
      if (status.type !== "reconnect") continue;
      this.#checkedUpTo = -1;
      this.check();
    }
  }
}
