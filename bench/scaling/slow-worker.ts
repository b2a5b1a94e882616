import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeEarlier } from "../../src/chat/earlier.ts";
import { decodeProducers } from "../../src/chat/producers.ts";
import { RoomLog } from "../../src/chat/room-log.ts";
import { decodeStoredNotice } from "../../src/chat/stored-notice.ts";
import { storedSubjects } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { Metrics } from "../../src/platform/metrics.ts";
import { connectNats, subscribe } from "../../src/platform/nats.ts";
import { BatchProcessor } from "../../src/worker/batch-processor.ts";
import { workerMetrics } from "../../src/worker/metrics.ts";
import { Queue } from "../../src/worker/queue.ts";
import { RoomKnowledge } from "../../src/worker/room-knowledge.ts";
import { RoomStore } from "../../src/worker/room-store.ts";

export type SlowWorkerOptions = {
  readonly natsUrl: string;
  readonly partitions: number;
  readonly slots: number;
  /** Waits as long as the routing of a batch is to take. */
  readonly step: () => Promise<void>;
};

/**
 * A worker of the product's own parts, with a routing step before each batch that takes as long as
 * it is told: so the bench decides what a worker can do, and what is left to see is how workers share the work.
 */
export class SlowWorker {
  readonly #connection: NatsConnection;
  readonly #queue: Queue;
  readonly #abandon: AbortController;
  #stopped: Promise<void> | undefined;
  /** When it was done with each batch that it has stored, by performance.now(). */
  readonly done: number[] = [];
  fenceRefusals = 0;
  returned = 0;

  private constructor(
    connection: NatsConnection,
    parts: Parts,
    { partitions, slots, step }: SlowWorkerOptions,
  ) {
    const { roomLog, knowledge, log } = parts;
    this.#connection = connection;
    this.#abandon = new AbortController();
    const metrics = workerMetrics(new Metrics("bench"));
    const store = new RoomStore({
      connection,
      log: roomLog,
      knowledge,
      onStored: () => {},
      onFenceRefusal: () => this.fenceRefusals++,
      onHeldAlready: () => {},
      onRetry: () => {},
    });
    const { signal } = this.#abandon;
    const processor = new BatchProcessor({ connection, store, knowledge, metrics, log, signal });
    this.#queue = new Queue({
      connection,
      partitions,
      slots,
      onDelivery: async (delivery) => {
        await step();
        const outcome = await processor.process(delivery);
        if (outcome === "done") this.done.push(performance.now());
        return outcome;
      },
      onReturned: () => this.returned++,
    });
  }

  static async start(options: SlowWorkerOptions): Promise<SlowWorker> {
    const log = createLog("bench", "error");
    const connection = await connectNats(options.natsUrl, "bench", log);
    const jetstream = await jetstreamManager(connection, { checkAPI: false, timeout: 2000 });
    const roomLog = new RoomLog(connection, jetstream);
    const knowledge = new RoomKnowledge(10_000);
    knowledge.streamIs((await roomLog.state()).created);
    subscribe(connection, storedSubjects, (message) => {
      const notice = decodeStoredNotice(message.string());
      for (const [room, sequence, producers, before] of notice?.rooms ?? []) {
        const counters = decodeProducers(producers);
        if (counters === undefined) continue;
        knowledge.learn(
          room,
          { sequence, counters, earlier: decodeEarlier(sequence, before) },
          notice?.created ?? "",
        );
      }
    });
    return new SlowWorker(connection, { roomLog, knowledge, log }, options);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#queue.stop(5000);
    this.#abandon.abort();
    await this.#connection.close();
  }
}

type Parts = {
  readonly roomLog: RoomLog;
  readonly knowledge: RoomKnowledge;
  readonly log: ReturnType<typeof createLog>;
};
