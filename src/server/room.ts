import type { BatchId } from "../chat/batch.ts";
import { liveText } from "../chat/live-text.ts";
import type { RoomLog, StoredSection } from "../chat/room-log.ts";
import type { Log } from "../platform/log.ts";
import type { ServerMetrics } from "./metrics.ts";
import { RoomCursor } from "./room-cursor.ts";

const unavailableLine = Buffer.from("* Some messages are no longer available\n");
const firstBackoff = 50;
const longestBackoff = 1000;

/** A connection that has joined the room. `write` never blocks. */
export type Member = { write(data: Buffer): void };

export type RoomOptions = {
  readonly log: RoomLog;
  readonly metrics: ServerMetrics;
  readonly logger: Log;
  /** A batch's part for this room was written to all members. */
  readonly onDelivered: (batch: BatchId, room: string) => void;
  /** A section that no worker of ours stored: it is passed over. */
  readonly onForeign: (room: string, section: StoredSection) => void;
};

/**
 * A room with members on this server: gets its sections from the live subject, in any order, perhaps with
 * holes, and hands the log's messages to its members in the log's order, each once.
 *
 * 1. Only the section that follows the last one is delivered. Anything else moves the target up to which the
 *    log is read, and the log says what comes next.
 * 2. All that is delivered within one turn of the event loop goes to each member in one write.
 */
export class Room {
  readonly id: string;
  readonly members = new Set<Member>();
  readonly #options: RoomOptions;
  readonly #cursor = new RoomCursor();
  /** The highest sequence that is known to exist. */
  #target = 0;
  #reading = true;
  /** How often the log has started anew: what was read of the one before does not count any more. */
  #restarts = 0;
  /** The section that showed it the last time. */
  #restartedFor: number | undefined;
  #closed = false;
  /** What waits for the end of this turn. */
  #texts: Buffer[] = [];
  #messages = 0;
  #delivered: BatchId[] = [];
  #scheduled = false;
  /** Who waits until the room has delivered up to a sequence. */
  #waiting: { readonly sequence: number; readonly resolve: () => void }[] = [];

  constructor(id: string, options: RoomOptions) {
    this.id = id;
    this.#options = options;
  }

  /** The sequence of the last section that was delivered. */
  get last(): number {
    return this.#cursor.last;
  }

  /** Begins behind the last section of the log; what arrived meanwhile follows. */
  begin(last: StoredSection | undefined): void {
    this.#cursor.begin(last);
    this.#reading = false;
    this.#moved();
    this.expect(this.#target);
  }

  /** Resolves when the room has delivered the log up to `sequence`, or is closed. */
  reached(sequence: number): Promise<void> {
    if (this.last >= sequence || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ sequence, resolve }));
  }

  /** A section came over the live subject. */
  receive(section: StoredSection): void {
    if (section.sequence > this.#target) this.#target = section.sequence;
    if (this.#reading) return;
    switch (this.#cursor.locate(section)) {
      case "next":
        this.#deliver(section);
        return this.#moved();
      case "seen":
        this.#cursor.advance(section);
        return this.#moved();
      case "gap":
        return this.expect(this.#target);
      case "restart":
        return this.#restartFor(section);
    }
  }

  /** The log reaches up to `sequence`: what was not delivered of it is read from there. */
  expect(sequence: number): void {
    if (sequence > this.#target) this.#target = sequence;
    if (this.#reading || this.#closed || this.#target <= this.#cursor.last) return;
    this.#reading = true;
    this.#options.metrics.gapRepairs.inc();
    void this.#readToTarget().then(() => {
      this.#reading = false;
      this.expect(this.#target);
    });
  }

  /** The stream is another one, and reaches up to `sequence`: delivers what is unknown of it. */
  restart(sequence: number): void {
    this.#options.metrics.roomRestarts.inc();
    this.#options.logger.warn({ room: this.id }, "the room's log started anew");
    this.#restarts++;
    this.#cursor.restart();
    this.#target = sequence;
    this.expect(sequence);
  }

  /** Writes what waits for the end of this turn at once. */
  flush(): void {
    const [first] = this.#texts;
    if (first !== undefined) {
      const data = this.#texts.length === 1 ? first : Buffer.concat(this.#texts);
      this.#options.metrics.delivered.count += this.#messages * this.members.size;
      this.#texts = [];
      this.#messages = 0;
      for (const member of this.members) member.write(data);
    }
    const delivered = this.#delivered;
    this.#delivered = [];
    for (const batch of delivered) this.#options.onDelivered(batch, this.id);
  }

  close(): void {
    this.flush();
    this.#closed = true;
    this.#moved();
  }

  #moved(): void {
    if (this.#waiting.length === 0) return;
    const isThere = ({ sequence }: { sequence: number }): boolean => this.last >= sequence || this.#closed;
    for (const { resolve } of this.#waiting.filter(isThere)) resolve();
    this.#waiting = this.#waiting.filter((waiter) => !isThere(waiter));
  }

  /** Reads the log from the last delivered section up to the target, for as long as that takes. */
  async #readToTarget(): Promise<void> {
    const { log, logger } = this.#options;
    for (let backoff = firstBackoff; !this.#closed && this.#target > this.#cursor.last; ) {
      const restarts = this.#restarts;
      // What is known to exist now, the leader has had when it answers.
      const target = this.#target;
      try {
        const sections = await log.from(this.id, this.#cursor.last + 1);
        if (restarts !== this.#restarts) continue;
        for (const section of sections) if (restarts === this.#restarts) this.#deliverFromLog(section);
        if (sections.length === 0) {
          // Either retention has removed them, or the replica that answered lags: the leader has the next one.
          const next = await log.next(this.id, this.#cursor.last + 1);
          if (restarts !== this.#restarts) continue;
          if (next === undefined) {
            this.#sayUnavailable();
            this.#cursor.skipTo(target);
          } else this.#deliverFromLog(next);
        }
        this.#moved();
        backoff = firstBackoff;
      } catch (error) {
        logger.warn({ room: this.id, err: error }, "could not read missed messages yet");
        await new Promise((resolve) => setTimeout(resolve, backoff));
        backoff = Math.min(backoff * 2, longestBackoff);
      }
    }
  }

  #deliverFromLog(section: StoredSection): void {
    let position = this.#cursor.locate(section);
    if (position === "gap") {
      // The log has nothing in between any more; before what is old, nobody misses it.
      if (!this.#cursor.isOld(section)) this.#sayUnavailable();
      this.#cursor.skipTo(section.previous ?? 0);
      position = this.#cursor.locate(section);
    }
    // A log that was read from its beginning and says the same again is as it is.
    if (position === "restart" && section.sequence !== this.#restartedFor) this.#restartFor(section);
    else if (position === "seen") this.#cursor.advance(section);
    else this.#deliver(section);
  }

  /** This section shows that the stream is another one. */
  #restartFor({ sequence }: StoredSection): void {
    this.#restartedFor = sequence;
    // What was known to exist behind it is of this stream too; in front of it, nothing has a meaning any more.
    this.restart(sequence > this.last ? Math.max(sequence, this.#target) : sequence);
  }

  #sayUnavailable(): void {
    this.#options.metrics.unavailable.inc();
    this.#write(unavailableLine);
  }

  #deliver(section: StoredSection): void {
    this.#cursor.advance(section);
    const { batch } = section;
    if (batch === undefined) return this.#options.onForeign(this.id, section);
    try {
      const { text, messages } = liveText(this.id, section.payload);
      this.#messages += messages;
      this.#delivered.push(batch);
      this.#write(text);
    } catch {
      this.#options.onForeign(this.id, section);
    }
  }

  #write(text: Buffer): void {
    if (text.length > 0) this.#texts.push(text);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}
