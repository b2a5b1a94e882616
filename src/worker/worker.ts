import { jetstreamManager } from "@nats-io/jetstream";
import { newIncarnation } from "../chat/batch.ts";
import { decodeEarlier } from "../chat/earlier.ts";
import { agreeOnPartitions } from "../chat/partition-count.ts";
import { decodeProducers } from "../chat/producers.ts";
import { measureQueueLag } from "../chat/queue-lag.ts";
import { answerReports } from "../chat/report.ts";
import { RoomLog } from "../chat/room-log.ts";
import { decodeStoredNotice } from "../chat/stored-notice.ts";
import { storedSubjects } from "../chat/subjects.ts";
import { subscribe } from "../platform/nats.ts";
import type { RoleContext } from "../platform/role.ts";
import type { ValuesOf } from "../platform/settings.ts";
import { BatchProcessor } from "./batch-processor.ts";
import type { DeliveryHandler } from "./delivery.ts";
import { workerMetrics } from "./metrics.ts";
import { Queue } from "./queue.ts";
import { RoomKnowledge } from "./room-knowledge.ts";
import { RoomStore } from "./room-store.ts";
import type { workerSettings } from "./settings.ts";
import { Workload } from "./workload.ts";

/** How often a worker measures the queue and looks whether ChatRooms is still the same stream, in ms. */
const watchInterval = 2000;
/** How long a stopping worker may go on with what it holds before it gives it back, in ms; half its grace at most. */
const longestFinish = 5000;

export type WorkerOptions = RoleContext & {
  readonly settings: Pick<
    ValuesOf<typeof workerSettings>,
    "partitions" | "slots" | "knownRooms" | "shutdownGrace"
  >;
  /** For benchmarks and tests: what is done with a batch, in place of `handle`, which stores it. */
  readonly around?: (handle: DeliveryHandler) => DeliveryHandler;
};

/** How a worker's connection is made: what it tells other workers, it need not hear itself. */
export const workerConnecting = { noEcho: true } as const;

/** Takes batches from the queue and stores them in their rooms, until it is stopped. */
export class Worker {
  readonly #queue: Queue;
  readonly #abandon: AbortController;
  readonly #timer: NodeJS.Timeout;
  readonly #finishTime: number;

  private constructor(queue: Queue, abandon: AbortController, timer: NodeJS.Timeout, finishTime: number) {
    this.#queue = queue;
    this.#abandon = abandon;
    this.#timer = timer;
    this.#finishTime = finishTime;
  }

  static async start(options: WorkerOptions): Promise<Worker> {
    const { settings, connection, metrics, log, signal, around = (handle) => handle } = options;
    const jetstream = await jetstreamManager(connection, { checkAPI: false, timeout: 2000 });
    await agreeOnPartitions(jetstream, settings.partitions, log, signal);

    const counted = workerMetrics(metrics);
    const knowledge = new RoomKnowledge(settings.knownRooms);
    const roomLog = new RoomLog(connection, jetstream);
    metrics.gauge(
      "worker_known_rooms",
      "Rooms whose last sequence the worker remembers",
      () => knowledge.size,
    );

    let queue: Queue | undefined;
    subscribe(connection, storedSubjects, (message) => {
      const notice = decodeStoredNotice(message.string());
      if (notice !== undefined) queue?.storedElsewhere(notice.partition);
      for (const [room, sequence, producers, before] of notice?.rooms ?? []) {
        const counters = decodeProducers(producers);
        if (counters === undefined) continue;
        const earlier = decodeEarlier(sequence, before);
        knowledge.learn(room, { sequence, counters, earlier }, notice?.created ?? "");
      }
    });

    const watch = async (): Promise<void> => {
      try {
        knowledge.streamIs((await roomLog.state()).created);
        const lag = await measureQueueLag(jetstream);
        counted.lagSeconds.set(lag.seconds);
        counted.lagBytes.set(lag.bytes);
      } catch (error) {
        counted.lagSeconds.set(Number.NaN);
        counted.lagBytes.set(Number.NaN);
        log.debug({ err: error }, "could not measure the queue");
      }
    };
    await watch();
    const timer = setInterval(watch, watchInterval);

    const abandon = new AbortController();
    const store = new RoomStore({
      connection,
      log: roomLog,
      knowledge,
      onStored: ({ messages }) => counted.messages.inc(messages),
      onFenceRefusal: () => counted.fenceRefusals.inc(),
      onHeldAlready: () => counted.heldAlready.inc(),
      onRetry: (room, error) => {
        counted.storeRetries.inc();
        log.warn({ room, err: error }, "could not store messages yet, trying again");
      },
    });
    const processor = new BatchProcessor({
      connection,
      store,
      knowledge,
      metrics: counted,
      log,
      signal: abandon.signal,
    });
    const workload = new Workload(Math.min(settings.slots, settings.partitions));
    const id = newIncarnation();
    answerReports(connection, () => ({ role: "worker", id, ...workload.soFar() }));
    const started = new Queue({
      connection,
      partitions: settings.partitions,
      slots: settings.slots,
      onDelivery: workload.counting(around((delivery) => processor.process(delivery))),
      onReturned: () => counted.returned.inc(),
    });
    queue = started;
    metrics.gauge("worker_batches_at_work", "Batches being stored right now", () => started.working);
    void (async () => {
      for await (const status of connection.status()) {
        if (status.type !== "reconnect") continue;
        // A power failure without fsync shortens rooms; one that then has the sequence again that is known here,
        // with another message, would pass the fence.
        knowledge.forgetAll();
        started.renew();
      }
    })();
    return new Worker(started, abandon, timer, Math.min(longestFinish, settings.shutdownGrace / 2));
  }

  /** Takes nothing more, finishes what it holds, or gives it back if that takes too long. */
  async stop(): Promise<void> {
    await this.#queue.stop(this.#finishTime);
    this.#abandon.abort();
    clearInterval(this.#timer);
  }
}
