import type { NatsConnection } from "@nats-io/transport-node";
import { type BatchId, decodeSections, parseBatchId, type Section, UnroutableError } from "../chat/batch.ts";
import { setAside } from "../chat/dead-letters.ts";
import { encodeEarlier } from "../chat/earlier.ts";
import { encodeProducers } from "../chat/producers.ts";
import { encodeStoredNotice } from "../chat/stored-notice.ts";
import { headers, storedSubject } from "../chat/subjects.ts";
import type { Log } from "../platform/log.ts";
import type { Delivery } from "./delivery.ts";
import type { WorkerMetrics } from "./metrics.ts";
import type { KnownRoom, RoomKnowledge } from "./room-knowledge.ts";
import { type RoomStore, StoppedError } from "./room-store.ts";

/**
 * A batch that entered the queue this long after its server formed it (a server that was frozen and woke up)
 * is not stored: rooms forget a producer's counter an hour after its last batch, and must not before.
 */
const latestEntry = 30 * 60_000;
const setAsideRetry = 1000;
/** Characters of one notice, far below what NATS takes: many rooms with many producers make several. */
const noticeLength = 256 * 1024;

export type BatchProcessorOptions = {
  readonly connection: NatsConnection;
  readonly store: RoomStore;
  readonly knowledge: RoomKnowledge;
  readonly metrics: WorkerMetrics;
  readonly log: Log;
  /** Aborts when unfinished batches are to go back. */
  readonly signal: AbortSignal;
};

type Outcome = { readonly section: Section; readonly known?: KnownRoom; readonly refused?: string };

/** Takes one batch apart, stores each room's part, and tells its server and the other workers. */
export class BatchProcessor {
  readonly #options: BatchProcessorOptions;

  constructor(options: BatchProcessorOptions) {
    this.#options = options;
  }

  /** Resolves to `done` when nothing of the batch is left to do, to `return` when it is to be handed out again. */
  async process(delivery: Delivery): Promise<"done" | "return"> {
    const { metrics } = this.#options;
    if (delivery.redelivered) metrics.redeliveries.inc();
    try {
      const started = performance.now();
      const batch = await this.#decode(delivery);
      if (batch === undefined) return "done";
      const outcomes = await Promise.all(
        batch.sections.map((section) => this.#store(section, batch.id, delivery)),
      );
      this.#tell(batch.id, outcomes);
      metrics.batches.inc();
      metrics.batchMessages.observe(batch.sections.reduce((sum, section) => sum + section.messages, 0));
      metrics.storeSeconds.observe((performance.now() - started) / 1000);
      return "done";
    } catch (error) {
      if (error instanceof StoppedError) return "return";
      throw error;
    }
  }

  /** The batch's id and sections; undefined when it was set aside as one that cannot be routed. */
  async #decode(delivery: Delivery): Promise<{ id: BatchId; sections: Section[] } | undefined> {
    const { message } = delivery;
    const id = parseBatchId(message.headers?.get(headers.batch));
    let reason = "it carries no batch id";
    if (id !== undefined) {
      try {
        const sections = decodeSections(message.headers?.get(headers.sections), message.data);
        const created = Number(message.headers?.get(headers.created));
        if (!(delivery.ingressTime - created > latestEntry)) return { id, sections };
        reason = "it entered the queue more than 30 minutes after it was made";
        await this.#setAside(delivery, reason);
        this.#tell(
          id,
          sections.map((section) => ({ section, refused: reason })),
        );
        return undefined;
      } catch (error) {
        if (!(error instanceof UnroutableError)) throw error;
        reason = error.message;
      }
    }
    await this.#setAside(delivery, reason);
    return undefined;
  }

  async #store(section: Section, id: BatchId, delivery: Delivery): Promise<Outcome> {
    const { store, signal } = this.#options;
    try {
      const known = await store.store(section, id, delivery.ingressTime, delivery.redelivered, signal);
      return { section, known };
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
      await this.#setAside(delivery, error.message);
      return { section, refused: error.message };
    }
  }

  #tell({ producer, partition, counter }: BatchId, outcomes: readonly Outcome[]): void {
    const { connection, knowledge } = this.#options;
    const rooms: [string, number, string, string][] = [];
    const refused: [string, string][] = [];
    for (const { section, known, refused: reason } of outcomes) {
      if (known === undefined) {
        refused.push([section.room, reason ?? ""]);
        continue;
      }
      const { sequence, counters, earlier } = known;
      rooms.push([section.room, sequence, encodeProducers(counters), encodeEarlier(sequence, earlier)]);
    }
    const common = { partition, counter, created: knowledge.created };
    for (const part of inParts(rooms)) {
      connection.publish(storedSubject(producer), encodeStoredNotice({ ...common, rooms: part }));
    }
    for (const part of inParts(refused)) {
      const notice = { ...common, rooms: [], refused: part };
      connection.publish(storedSubject(producer), encodeStoredNotice(notice));
    }
  }

  /** Sets the batch aside, however long that takes: what is acked before it is kept somewhere would be lost. */
  async #setAside({ message, sequence }: Delivery, reason: string): Promise<void> {
    const { connection, metrics, log, signal } = this.#options;
    log.warn({ subject: message.subject, sequence, reason }, "set a batch aside as a dead letter");
    for (;;) {
      try {
        const { subject, headers: all, data } = message;
        await setAside(connection, {
          origin: "queue",
          subject,
          sequence,
          reason,
          headers: all,
          payload: data,
        });
        metrics.deadLetters.inc();
        return;
      } catch (error) {
        log.warn({ err: error }, "could not set a batch aside yet");
        await new Promise((resolve) => setTimeout(resolve, setAsideRetry));
        if (signal.aborted) throw new StoppedError("the worker is stopping");
      }
    }
  }
}

/** The entries in order, in parts of about noticeLength each; none where there are none. */
function inParts<T extends readonly (string | number)[]>(entries: readonly T[]): T[][] {
  const parts: T[][] = [];
  let length = noticeLength;
  for (const entry of entries) {
    if (length >= noticeLength) {
      parts.push([]);
      length = 0;
    }
    parts.at(-1)?.push(entry);
    length += entry.join("").length;
  }
  return parts;
}
