import type { NatsConnection } from "@nats-io/transport-node";
import { within } from "../platform/within.ts";
import type { Delivery, DeliveryHandler } from "./delivery.ts";
import { OpenPulls } from "./open-pulls.ts";
import { Rounds } from "./rounds.ts";

/** How often this looks for what is due. */
const tickInterval = 250;
/** How often what is at work is reported as such; well below the consumers' ack_wait of 3 s. */
const workingInterval = 1000;

export type QueueOptions = {
  readonly connection: NatsConnection;
  readonly partitions: number;
  /** How many batches may be at work at once. */
  readonly slots: number;
  readonly onDelivery: DeliveryHandler;
  readonly onReturned: () => void;
};

/**
 * Takes batches from ChatIngress, from whichever partition has one. JetStream hands out one batch of a
 * partition at a time (max_ack_pending 1), so any number of workers may do this, and come and go.
 *
 * With a slot for each partition, a pull is open at all of them: no more can come than there are slots for.
 * With fewer slots they are asked in rounds, and pulls are open at those only that turned out to be empty. What
 * arrives when no slot is free goes back at once.
 */
export class Queue {
  readonly #options: QueueOptions;
  readonly #openPulls: OpenPulls;
  readonly #rounds: Rounds | undefined;
  readonly #working = new Set<Delivery>();
  readonly #timer: NodeJS.Timeout;
  #lastWorking = performance.now();
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    const { connection, partitions, slots } = options;
    const onDelivery = (delivery: Delivery): void => this.#receive(delivery);
    this.#openPulls = new OpenPulls({ connection, onDelivery });
    if (slots >= partitions) {
      for (let partition = 0; partition < partitions; partition++) this.#openPulls.add(partition);
    } else {
      this.#rounds = new Rounds({
        ...{ connection, partitions, onDelivery, openPulls: this.#openPulls },
        onChange: () => this.#pull(),
      });
    }
    this.#timer = setInterval(() => this.#tick(), tickInterval);
    this.#pull();
  }

  get working(): number {
    return this.#working.size;
  }

  /** Another worker has stored a batch of this partition. */
  storedElsewhere(partition: number): void {
    this.#rounds?.storedElsewhere(partition);
  }

  /** Pulls anew: after a reconnect the pulls that were open are gone. */
  renew(): void {
    this.#openPulls.forget();
    this.#rounds?.forget();
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
    // Ends what is open; a batch that is on its way here already is given back, not left to time out.
    await Promise.all([this.#openPulls.end(), this.#rounds?.end()]);
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
    this.#rounds?.checkTime();
    this.#pull();
  }

  get #free(): number {
    return this.#stopping ? 0 : this.#options.slots - this.#working.size;
  }

  #pull(): void {
    if (this.#stopping || this.#options.connection.isClosed()) return;
    const free = this.#free;
    if (free > 0) {
      this.#rounds?.take(free);
      this.#openPulls.renew();
    } else this.#rounds?.rest();
  }

  #receive(delivery: Delivery): void {
    if (this.#free <= 0) {
      this.#giveBack(delivery);
      return;
    }
    this.#working.add(delivery);
    this.#rounds?.taken(delivery.partition);
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
