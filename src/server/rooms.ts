import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import { fromLive, type RoomLog, requestTimeout } from "../chat/room-log.ts";
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
  readonly opened: Promise<void>;
  /** The read of the log's end that is under way, and the one that follows it for those who came meanwhile. */
  reading: Promise<unknown>;
  nextRead: Promise<number> | undefined;
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
   * before. Rejects when NATS does not answer, after 8 to 13 s.
   */
  async acquire(id: string): Promise<Room> {
    let open = this.#open.get(id);
    const isNew = open === undefined;
    if (open === undefined) {
      const room = new Room(id, this.#options);
      const subscription = subscribe(this.#options.connection, liveSubject(id), (message) => {
        const section = fromLive(message);
        if (section !== undefined) room.receive(section);
      });
      const opened = patiently(() => this.#begin(room));
      open = { room, subscription, opened, reading: opened, nextRead: undefined, users: 0 };
      this.#open.set(id, open);
      this.#options.onOpened(id);
    }
    const known = open;
    known.users++;
    try {
      await known.opened;
      if (!isNew) await patiently(() => this.#bringUpToDate(known));
      return known.room;
    } catch (error) {
      this.release(id);
      throw error;
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

  /** Subscribed is what the room is already; behind the flush, the server knows it. */
  async #begin(room: Room): Promise<void> {
    await this.#flush();
    room.begin(await this.#log.last(room.id));
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
    open.nextRead ??= open.reading
      .catch(() => {})
      .then(async () => {
        open.nextRead = undefined;
        const last = this.#log.last(room.id);
        open.reading = last;
        return (await last)?.sequence ?? 0;
      });
    const sequence = await open.nextRead;
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

  async #flush(): Promise<void> {
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

/** Tries again, for a while, what failed since NATS did not answer. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + joinPatience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, joinRetryDelay));
    }
  }
}
