import { createInbox, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { subscribe } from "../platform/nats.ts";
import { type Delivery, deliveryOf } from "./delivery.ts";
import { answeringPartition, sendPull } from "./pull.ts";

/** How long the server keeps a pull open, in milliseconds. */
const pullExpiry = 5000;
/** How long to wait after a pull was refused (no leader, no consumer yet), in milliseconds. */
const refusalDelay = 250;

export type OpenPullsOptions = {
  readonly connection: NatsConnection;
  readonly onDelivery: (delivery: Delivery) => void;
};

/** Pulls for one batch that wait at partitions' consumers: what comes is handed over at once. */
export class OpenPulls {
  readonly #options: OpenPullsOptions;
  #subscription: Subscription | undefined;
  #inbox = "";
  /** Per partition: until when a pull is open, or, after a refusal, until when none is to be sent. */
  readonly #quietUntil = new Map<number, number>();

  constructor(options: OpenPullsOptions) {
    this.#options = options;
  }

  has(partition: number): boolean {
    return this.#quietUntil.has(partition);
  }

  /** Holds a pull open at this partition from now on. */
  add(partition: number): void {
    if (!this.has(partition)) this.#quietUntil.set(partition, 0);
  }

  /** Sends a pull to each partition that has none. */
  renew(): void {
    if (this.#quietUntil.size === 0) return;
    const { connection } = this.#options;
    if (this.#subscription === undefined) {
      const inbox = createInbox();
      this.#inbox = inbox;
      this.#subscription = subscribe(connection, `${inbox}.*`, (message) => this.#receive(inbox, message));
    }
    const now = performance.now();
    for (const [partition, until] of this.#quietUntil) {
      if (until > now) continue;
      this.#quietUntil.set(partition, now + pullExpiry + 500);
      sendPull(connection, partition, this.#inbox, { expires: pullExpiry });
    }
  }

  /** After a reconnect the pulls that were open are gone. */
  forget(): void {
    for (const partition of this.#quietUntil.keys()) this.#quietUntil.set(partition, 0);
  }

  /** Ends the pulls; resolves when what is on its way was handed over: unheard, it would have to time out. */
  async end(): Promise<void> {
    this.#quietUntil.clear();
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.drain().catch(() => {});
  }

  #receive(inbox: string, message: Msg): void {
    const partition = answeringPartition(message);
    const delivery = deliveryOf(message, partition, this.#options.connection);
    const isCurrent = this.#subscription !== undefined && inbox === this.#inbox;
    if (delivery !== undefined) {
      if (isCurrent) this.#quietUntil.set(partition, 0);
      this.#options.onDelivery(delivery);
    } else if (isCurrent) {
      // 404 and 408: nothing came within the pull's time. Anything else: no leader or no consumer right now.
      const code = message.headers?.code;
      const delay = code === 404 || code === 408 ? 0 : refusalDelay;
      this.#quietUntil.set(partition, performance.now() + delay);
      if (delay === 0) this.renew();
    }
  }
}
