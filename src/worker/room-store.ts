import { setTimeout as delay } from "node:timers/promises";
import { type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { type BatchId, formatBatchId, type Section, UnroutableError } from "../chat/batch.ts";
import { encodeEarlier, maxEarlier } from "../chat/earlier.ts";
import { historyLength } from "../chat/message.ts";
import { decodeProducers, encodeProducers, holds, withBatch } from "../chat/producers.ts";
import type { RoomLog, StoredSection } from "../chat/room-log.ts";
import { headers, roomSubject } from "../chat/subjects.ts";
import { Requests } from "../platform/requests.ts";
import type { KnownRoom, RoomKnowledge } from "./room-knowledge.ts";

/** How long one publish may take before it is tried again, in milliseconds. */
const publishTimeout = 2000;
const firstBackoff = 50;
const longestBackoff = 1000;

// Error codes of JetStream (errors.json of nats-server).
const wrongLastSequence: ReadonlySet<number> = new Set([10071, 10164]);
const messageTooLarge = 10054;

export type RoomStoreOptions = {
  readonly connection: NatsConnection;
  readonly log: RoomLog;
  readonly knowledge: RoomKnowledge;
  readonly onStored: (section: Section) => void;
  readonly onFenceRefusal: () => void;
  readonly onHeldAlready: () => void;
  readonly onRetry: (room: string, error: Error) => void;
};

/** The worker is stopping and a batch is not stored yet: it goes back. */
export class StoppedError extends Error {}

/** Stores sections of batches in their rooms: each exactly once and in its producer's order. */
export class RoomStore {
  readonly #options: RoomStoreOptions;
  readonly #requests: Requests;

  constructor(options: RoomStoreOptions) {
    this.#options = options;
    this.#requests = new Requests(options.connection, publishTimeout);
  }

  /**
   * Stores one section unless its room has it already, and resolves to what the room holds then.
   *
   * The publish carries the room's last sequence as this worker knows it, together with the counters that
   * came with it. JetStream refuses it when another message got in first, so a publish that passes proves
   * that the counters were current: neither a retry nor a worker that wakes up late can store anything twice.
   * While storage refuses or does not answer, this keeps trying; it rejects with UnroutableError for what can
   * never be stored, and with StoppedError when `signal` aborts.
   *
   * `reread`: the batch was handed out before, so the room's log is asked first, whatever this worker knows.
   */
  async store(
    section: Section,
    id: BatchId,
    ingressTime: number,
    reread: boolean,
    signal: AbortSignal,
  ): Promise<KnownRoom> {
    const { knowledge } = this.#options;
    const { room } = section;
    let known = reread ? undefined : knowledge.get(room);
    for (let backoff = firstBackoff; ; ) {
      if (signal.aborted) throw new StoppedError("the worker is stopping");
      try {
        // To publish on what is remembered is safe, since the fence proves it; to leave out is not.
        if (known === undefined || holds(known.counters, id)) known = await this.#read(room);
        if (holds(known.counters, id)) {
          this.#options.onHeldAlready();
          return known;
        }
        const counters = withBatch(known.counters, id, ingressTime);
        const sequence = await this.#publish(section, id, known, encodeProducers(counters));
        if (sequence !== undefined) {
          const stored = { sequence, counters, earlier: earlierThan(known, section.messages) };
          knowledge.set(room, stored);
          this.#options.onStored(section);
          return stored;
        }
        this.#options.onFenceRefusal();
      } catch (error) {
        if (error instanceof UnroutableError) throw error;
        this.#options.onRetry(room, error as Error);
        // A stop ends the wait; the loop looks at it.
        await delay(backoff, undefined, { signal }).catch(() => {});
        backoff = Math.min(backoff * 2, longestBackoff);
      }
      // Refused or unanswered: only the log can tell what the room holds now.
      known = undefined;
    }
  }

  /** What the room holds, by the stream's leader: a lagging replica must not answer this. */
  async #read(room: string): Promise<KnownRoom> {
    const { log, knowledge } = this.#options;
    knowledge.forget(room);
    const last = await log.last(room);
    const known =
      last === undefined
        ? { sequence: 0, counters: new Map(), earlier: [] }
        : await this.#knownFrom(room, last);
    knowledge.set(room, known);
    return known;
  }

  async #knownFrom(room: string, last: StoredSection): Promise<KnownRoom> {
    const { sequence, previous, producers } = last;
    const counters = decodeProducers(producers);
    const earlier = previous ? [previous, ...last.earlier].slice(0, maxEarlier + 1) : [];
    if (counters !== undefined) return { sequence, counters, earlier };
    // Somebody else wrote to the room. The counters stand in the last message of ours before that.
    for (let section: StoredSection | undefined = last; section !== undefined; ) {
      const { sequence: newer } = section;
      section = await this.#options.log.before(room, newer);
      // Any replica may have answered that; the leader says whether it had everything.
      if ((await this.#options.log.next(room, (section?.sequence ?? 0) + 1))?.sequence !== newer) {
        throw new Error(`a replica of ChatRooms lags in room ${room}`);
      }
      const found = decodeProducers(section?.producers);
      if (found !== undefined) return { sequence, counters: found, earlier: [] };
    }
    return { sequence, counters: new Map(), earlier: [] };
  }

  /** The sequence under which the section is stored now; undefined when the fence refused it. */
  async #publish(
    section: Section,
    id: BatchId,
    { sequence: lastSequence, earlier }: KnownRoom,
    producers: string,
  ): Promise<number | undefined> {
    const fence = newHeaders();
    fence.set("Nats-Expected-Last-Subject-Sequence", String(lastSequence));
    fence.set(headers.batch, formatBatchId(id));
    fence.set(headers.producers, producers);
    if (earlier.length > 0)
      fence.set(headers.earlier, encodeEarlier(lastSequence, earlier.slice(0, maxEarlier)));
    const maxPayload = this.#options.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (section.payload.length + producers.length + 512 > maxPayload) {
      throw new UnroutableError(`${section.payload.length} bytes for one room are more than NATS takes`);
    }
    const answer = await this.#requests.request(roomSubject(section.room), section.payload, fence);
    const { seq, error } = answer.json<{ seq?: number; error?: { err_code: number; description: string } }>();
    if (error === undefined && typeof seq === "number") return seq;
    if (wrongLastSequence.has(error?.err_code ?? 0)) return undefined;
    if (error?.err_code === messageTooLarge) throw new UnroutableError(error.description);
    throw new Error(`ChatRooms refused a message: ${error?.description}`);
  }
}

/** What comes before the section that is stored now; nothing, where that one alone fills a history. */
function earlierThan(known: KnownRoom, messages: number): readonly number[] {
  if (known.sequence === 0 || messages >= historyLength) return [];
  return [known.sequence, ...known.earlier.slice(0, maxEarlier)];
}
