import { createInbox, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { consumerName, ingressStream } from "../chat/subjects.ts";
import { subscribe } from "../platform/nats.ts";
import { within } from "../platform/within.ts";
import { type Delivery, deliveryOf } from "./delivery.ts";

/** How long the server keeps a pull open, in milliseconds. */
const pullExpiry = 5000;
/** How long to wait after a pull was refused (no leader, no consumer yet), in milliseconds. */
const refusalDelay = 250;
/** How often what is at work is reported as such; well below the consumers' ack_wait of 3 s. */
const workingInterval = 1000;

export type QueueOptions = {
  readonly connection: NatsConnection;
  readonly partitions: number;
  /** How many batches may be at work at once. */
  readonly slots: number;
  readonly onDelivery: (delivery: Delivery) => Promise<"done" | "return">;
  readonly onReturned: () => void;
};

/**
 * Takes batches from ChatIngress, from whichever partition has one. JetStream hands out one batch of a
 * partition at a time (max_ack_pending 1), so any number of workers may do this, and come and go.
 *
 * A pull for one message is open at every partition while a slot is free. What arrives when none is free
 * any more goes back at once.
 */
export class Queue {
  readonly #options: QueueOptions;
  readonly #subscription: Subscription;
  readonly #inbox = createInbox();
  /** Per partition: until when a pull is open, or, after a refusal, until when none is to be sent. */
  readonly #quietUntil: number[];
  readonly #working = new Set<Delivery>();
  readonly #timer: NodeJS.Timeout;
  #lastWorking = performance.now();
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#quietUntil = new Array(options.partitions).fill(0);
    this.#subscription = subscribe(options.connection, `${this.#inbox}.*`, (message) =>
      this.#receive(message),
    );
    this.#timer = setInterval(() => this.#tick(), refusalDelay);
    this.#pull();
  }

  get working(): number {
    return this.#working.size;
  }

  /** Pulls anew at every partition: after a reconnect the pulls that were open are gone. */
  renew(): void {
    this.#quietUntil.fill(0);
    this.#pull();
  }

  /**
   * Takes nothing more; resolves when what is at work is done. What is not after `finishTime` (in milliseconds)
   * goes back: should it be stored here all the same, whoever gets it next finds it in its rooms.
   */
  async stop(finishTime: number): Promise<void> {
    this.#stopping = true;
    await within(finishTime, this.#finish());
    for (const delivery of this.#working) this.#giveBack(delivery);
    this.#working.clear();
    clearInterval(this.#timer);
  }

  async #finish(): Promise<void> {
    // Ends the open pulls; a batch that is on its way here already is given back, not left to time out.
    await this.#subscription.drain().catch(() => {});
    if (this.#working.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
  }

  #giveBack(delivery: Delivery): void {
    delivery.nak();
    this.#options.onReturned();
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#lastWorking >= workingInterval) {
      this.#lastWorking = now;
      for (const delivery of this.#working) delivery.working();
    }
    this.#pull();
  }

  #pull(): void {
    const { connection, slots, partitions } = this.#options;
    if (this.#stopping || this.#working.size >= slots || connection.isClosed()) return;
    const now = performance.now();
    for (let partition = 0; partition < partitions; partition++) {
      if ((this.#quietUntil[partition] ?? 0) > now) continue;
      this.#quietUntil[partition] = now + pullExpiry + 500;
      connection.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${ingressStream}.${consumerName(partition)}`,
        JSON.stringify({ batch: 1, expires: pullExpiry * 1_000_000 }),
        { reply: `${this.#inbox}.${partition}` },
      );
    }
  }

  #receive(message: Msg): void {
    // A batch comes under its own subject, a status under the pull's inbox: both end in the partition.
    const partition = Number(message.subject.slice(message.subject.lastIndexOf(".") + 1));
    const delivery = deliveryOf(message, partition, this.#options.connection);
    if (delivery === undefined) {
      // 404 and 408: nothing came within the pull's time. Anything else: no leader or no consumer right now.
      const code = message.headers?.code;
      const delay = code === 404 || code === 408 ? 0 : refusalDelay;
      this.#quietUntil[partition] = performance.now() + delay;
      if (delay === 0) this.#pull();
      return;
    }
    this.#quietUntil[partition] = 0;
    if (this.#stopping || this.#working.size >= this.#options.slots) {
      this.#giveBack(delivery);
      return;
    }
    this.#working.add(delivery);
    this.#pull();
    void this.#work(delivery);
  }

  async #work(delivery: Delivery): Promise<void> {
    const outcome = await this.#options.onDelivery(delivery);
    // Given back meanwhile.
    if (!this.#working.delete(delivery)) return;
    if (outcome === "done") delivery.ack();
    else this.#giveBack(delivery);
    this.#pull();
    if (this.#working.size === 0) this.#idle?.();
  }
}
