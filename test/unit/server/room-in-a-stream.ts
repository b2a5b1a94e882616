import type { BatchId } from "../../../src/chat/batch.ts";
import { encodeMessage, liveLine } from "../../../src/chat/message.ts";
import { encodeProducers, type ProducerCounters, withBatch } from "../../../src/chat/producers.ts";
import type { RoomLog, StoredSection } from "../../../src/chat/room-log.ts";
import { Room } from "../../../src/server/room.ts";
import { quietLog, quietMetrics } from "./quiet.ts";

export const unavailable = "* Some messages are no longer available\n";
const firstTime = Date.parse("2026-01-02T10:00:00Z");

/** A section as the stream keeps it, and what a member sees of it. */
export type Kept = {
  readonly live: StoredSection;
  readonly stored: StoredSection;
  readonly lines: string;
  readonly foreign: boolean;
};

export type NewSection = {
  readonly messages?: number;
  readonly producer?: string;
  /** Instead of the producer's next. */
  readonly counter?: number;
  /** Somebody who is no worker of ours writes it. */
  readonly foreign?: boolean;
  /** How many messages of other rooms come in between. */
  readonly others?: number;
  readonly payload?: string;
};

/** One room's part of a ChatRooms stream, as its leader has it, and how it answers those who read it. */
export class RoomInAStream {
  sections: Kept[] = [];
  /** When the stream was made, as its leader tells. */
  created = "2026-01-02T10:00:00Z";
  /** How many of the last sections the replica that answers `from` and `lastSequences` lacks. */
  lag = 0;
  /** How many reads from now on fail. */
  failures = 0;
  /** How long an answer takes, in milliseconds. */
  latency = 1;
  /** The most that one answer of `from` holds. */
  page = 256;
  reads = 0;
  readonly #next = new Map<string, number>();
  #counters: ProducerCounters = new Map();
  #sequence = 0;
  #time = firstTime;
  #stored = 0;

  get last(): StoredSection | undefined {
    return this.sections.at(-1)?.stored;
  }

  store({
    messages = 1,
    producer = "p",
    counter,
    foreign = false,
    others = 0,
    payload,
  }: NewSection = {}): Kept {
    const before = this.sections.at(-1)?.live.sequence ?? 0;
    const sequence = this.#sequence + 1 + others;
    this.#sequence = sequence;
    this.#time += 10;
    let batch: BatchId | undefined;
    if (!foreign) {
      batch = { producer, partition: 0, counter: counter ?? (this.#next.get(producer) ?? 0) + 1 };
      this.#next.set(producer, Math.max(batch.counter, this.#next.get(producer) ?? 0));
      this.#counters = withBatch(this.#counters, batch, this.#time);
    }
    const timestamp = new Date(this.#time).toISOString();
    const all = Array.from({ length: messages }, () => {
      const content = `message ${++this.#stored}`;
      return { room_id: "general", user_id: producer, content, timestamp };
    });
    const text = all.map((each) => encodeMessage("general", producer, each.content, timestamp)).join("");
    const common = {
      sequence,
      earlier: [],
      batch,
      producers: foreign ? "" : encodeProducers(this.#counters),
      time: this.#time,
      payload: Buffer.from(payload ?? text),
    };
    const kept = {
      live: { ...common, previous: before },
      // Only a worker's message points back to the one before it.
      stored: { ...common, previous: foreign ? undefined : before },
      lines: foreign || payload !== undefined ? "" : all.map(liveLine).join(""),
      foreign,
    };
    this.sections.push(kept);
    return kept;
  }

  /** Retention removes the room's oldest sections; with the last one, its counters are gone too. */
  removeOldest(count: number): void {
    this.sections.splice(0, count);
    if (this.sections.length === 0) this.#counters = new Map();
  }

  /** The stream is made anew, empty; or from a copy that was made when it had `sections`. */
  replace(sections: readonly Kept[] = []): void {
    this.sections = [...sections];
    this.#sequence = sections.at(-1)?.live.sequence ?? 0;
    this.#counters = new Map();
    for (const { live } of sections) {
      if (live.batch !== undefined) this.#counters = withBatch(this.#counters, live.batch, live.time);
    }
  }

  /** What a room reads; every answer is of the moment of the question. */
  readonly log = {
    from: (_: string, sequence: number) => {
      const found = this.#replica
        .map(({ stored }) => stored)
        .filter((section) => section.sequence >= sequence);
      return this.#answer(found.slice(0, this.page));
    },
    last: () => this.#answer(this.last),
    next: (_: string, sequence: number) =>
      this.#answer(this.sections.find(({ stored }) => stored.sequence >= sequence)?.stored),
    state: () => this.#answer({ created: this.created, lastSequence: this.#sequence }),
    lastSequences: () =>
      this.#answer({
        sequences: new Map(this.#replica.slice(-1).map(({ live }) => ["general", live.sequence])),
        upTo: this.#replica.at(-1)?.live.sequence ?? 0,
      }),
  } as unknown as RoomLog;

  /** What a replica that lags has of it. */
  get #replica(): Kept[] {
    return this.sections.slice(0, Math.max(0, this.sections.length - this.lag));
  }

  async #answer<T>(answer: T): Promise<T> {
    this.reads++;
    const fails = this.failures > 0;
    if (fails) this.failures--;
    await new Promise((resolve) => setTimeout(resolve, this.latency));
    if (fails) throw new Error("NATS does not answer");
    return answer;
  }
}

/** A member and what it was shown, write by write. */
export class Viewer {
  readonly writes: Buffer[] = [];

  write(data: Buffer): void {
    this.writes.push(data);
  }

  get text(): string {
    return Buffer.concat(this.writes).toString();
  }
}

/** A room of a server that reads `stream`, and what it reports. */
export function openRoom(stream: RoomInAStream) {
  const delivered: BatchId[] = [];
  const foreign: number[] = [];
  const member = new Viewer();
  /** What the member had been shown when each batch was reported as delivered. */
  const shownBy: string[] = [];
  const room = new Room("general", {
    log: stream.log,
    metrics: quietMetrics,
    logger: quietLog,
    onDelivered: (batch) => {
      delivered.push(batch);
      shownBy.push(member.text);
    },
    onForeign: (_, section) => foreign.push(section.sequence),
  });
  room.members.add(member);
  return { room, member, delivered, shownBy, foreign };
}
