import { createInbox, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { subscribe } from "../platform/nats.ts";
import { type Delivery, deliveryOf } from "./delivery.ts";
import type { OpenPulls } from "./open-pulls.ts";
import { answeringPartition, sendPull } from "./pull.ts";

/** How long after an answer of a round the next one is waited for, in milliseconds. */
const collecting = 5;
/** How old the news of a batch may be when other workers take some as well, in milliseconds. */
const freshness = 5;
/** How long whoever has stored a batch may be the first to ask its partition for the next one, in milliseconds. */
const courtesy = 30;
/** How long a partition may take to hand out its batch before it counts as somebody else's, in milliseconds. */
const firstExpiry = 20;
const longestExpiry = 160;
/** How much later than it should an answer may come before it counts as lost, in milliseconds. */
const lateness = 1000;
/** How long a round may find nothing before all partitions are asked anew, in milliseconds; some, if they refused. */
const longestRound = 5000;
const refusalDelay = 250;

/** Tells whether there is a batch that could be had, and leaves it where it is. */
const probe = { noWait: true, maxBytes: 1 };

export type RoundsOptions = {
  readonly connection: NatsConnection;
  readonly partitions: number;
  /** For the partitions that turn out to be empty. */
  readonly openPulls: OpenPulls;
  readonly onDelivery: (delivery: Delivery) => void;
  /** There may be something to do: call `take`, if a slot is free. */
  readonly onChange: () => void;
};

type Round = {
  readonly began: number;
  readonly inbox: string;
  readonly answers: Subscription;
  readonly unanswered: Set<number>;
  readonly empty: Set<number>;
  /** Said to be empty, and asked again. */
  readonly doubtful: Set<number>;
  /** Have a batch that is left to others for now. */
  readonly heldBack: Set<number>;
  /** What is answered now was silent at first. */
  isLate: boolean;
  found: boolean;
  refused: boolean;
};

/**
 * Takes batches when there are fewer slots than partitions: no more than there are slots for, and from each
 * partition in its turn. A round finds out which partitions have a batch; these are then asked for it, one for
 * each free slot, the one first that was served longest ago. The next round begins when that is used up or
 * out of date. While a round finds nothing, pulls are held open at the empty partitions.
 *
 * A round sends a pull to each consumer that no batch fits in, so that a batch is announced (409) and stays where
 * it is. An empty partition answers 404; one whose batch somebody works on is silent until that is acked.
 */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #inbox = createInbox();
  readonly #batches: Subscription;
  /** The partition first that was served longest ago. */
  readonly #order: number[];
  /** Which partitions have a batch, as far as is known, and since when. */
  readonly #ready = new Map<number, number>();
  /** Until when an answer from a partition that was asked for its batch counts. */
  readonly #asked = new Map<number, number>();
  /** When another worker has stored a batch of a partition, as far as is known; none where that was here. */
  readonly #storedAt = new Map<number, number>();
  #failures = 0;
  /** No other worker has taken a batch that was announced here, as far as is known. */
  #isAlone = true;
  #round: Round | undefined;
  /** Runs while answers are collected. */
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #isResting = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
    const { connection, partitions } = options;
    // Workers that start together don't all begin at the same partition.
    const first = Math.floor(Math.random() * partitions);
    this.#order = Array.from({ length: partitions }, (_, index) => (first + index) % partitions);
    this.#batches = subscribe(connection, `${this.#inbox}.*`, (message) => this.#receive(message));
  }

  /** Sees to it that `free` slots, one at least, get a batch. */
  take(free: number): void {
    this.#isResting = false;
    const now = performance.now();
    const oldest = this.#isAlone ? 0 : now - freshness;
    const ready = this.#order.filter((partition) => this.#ready.has(partition));
    const forOthers = new Set(ready.filter((partition) => this.#isForOthers(partition, now)));
    for (const partition of ready) if (!forOthers.has(partition)) this.#askIfFresh(partition, oldest, free);
    for (const partition of forOthers) {
      if (this.#round === undefined) this.#askIfFresh(partition, oldest, free);
      else this.#round.heldBack.add(partition);
    }
    if (this.#asked.size === 0 && this.#round === undefined) this.#begin();
  }

  /** No slot is free. What other partitions answer right now is still heard; later it would soon be out of date. */
  rest(): void {
    this.#isResting = true;
    if (this.#timer === undefined) this.#endRound();
    void this.#options.openPulls.end();
  }

  /** A batch of this partition was taken here, in whatever way: all others come first now. */
  taken(partition: number): void {
    this.#storedAt.delete(partition);
    this.#comesLast(partition);
  }

  /** Another worker has stored a batch of this partition, and asks it first now. */
  storedElsewhere(partition: number): void {
    if (this.#comesLast(partition)) this.#storedAt.set(partition, performance.now());
  }

  /** False if there is no such partition. */
  #comesLast(partition: number): boolean {
    const index = this.#order.indexOf(partition);
    if (index < 0) return false;
    this.#order.splice(index, 1);
    this.#order.push(partition);
    return true;
  }

  /**
   * Whether another worker is about to ask this partition. With as many workers as partitions all would ask the same
   * one otherwise, and all but one would wait in vain. If nobody has by the end of the round, anybody may.
   */
  #isForOthers(partition: number, now: number): boolean {
    const storedAt = this.#storedAt.get(partition);
    return storedAt !== undefined && now - storedAt < courtesy;
  }

  /** Takes what is long overdue for lost. */
  checkTime(): void {
    const now = performance.now();
    for (const [partition, until] of this.#asked) if (now > until) this.#fail(partition);
    const round = this.#round;
    if (round !== undefined && now - round.began > (round.refused ? refusalDelay : longestRound))
      this.#endRound();
  }

  /** After a reconnect nothing is under way any more. */
  forget(): void {
    this.#asked.clear();
    this.#ready.clear();
    this.#endRound();
  }

  /** Ends everything; resolves when what is on its way was handed over: unheard, it would have to time out. */
  async end(): Promise<void> {
    this.#endRound();
    await this.#batches.drain().catch(() => {});
  }

  #begin(): void {
    const { connection, openPulls } = this.#options;
    const inbox = createInbox();
    const partitions = this.#order.filter((partition) => !openPulls.has(partition));
    const answers = subscribe(connection, `${inbox}.*`, (message) => this.#hear(message));
    const unanswered = new Set(partitions);
    this.#round = {
      ...{ began: performance.now(), inbox, answers, unanswered },
      ...{ empty: new Set(), doubtful: new Set(), heldBack: new Set() },
      ...{ isLate: false, found: false, refused: false },
    };
    for (const partition of partitions) sendPull(connection, partition, inbox, probe);
  }

  #hear(message: Msg): void {
    const round = this.#round;
    const partition = answeringPartition(message);
    if (!round?.unanswered.delete(partition)) return;
    const { code, description = "" } = message.headers ?? {};
    if (code === 404) {
      // nats-server says so to those that are silent, too, when the time of somebody else's pull is up.
      if ((this.#isAlone && !round.isLate) || round.doubtful.delete(partition)) round.empty.add(partition);
      else {
        round.doubtful.add(partition);
        round.unanswered.add(partition);
        sendPull(this.#options.connection, partition, round.inbox, probe);
      }
    } else if (code === 409 && /exceeds maxbytes/i.test(description)) {
      round.found = true;
      // If it has been asked already, that is answered, too.
      if (!this.#asked.has(partition)) this.#ready.set(partition, performance.now());
    }
    // Others wait for all that is there, or there is no leader or no consumer right now.
    else round.refused = true;

    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#conclude(), collecting);
    if (round.unanswered.size === 0) {
      if (!round.isLate) this.#isAlone = true;
      this.#conclude();
    } else if (round.found) {
      // Not before all is read that has arrived: of these, the one is asked first that was served longest ago.
      this.#soon ??= setImmediate(() => {
        this.#soon = undefined;
        this.#options.onChange();
      });
    }
  }

  /** Who has not answered by now has its batch at work somewhere. */
  #conclude(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const round = this.#round;
    if (round === undefined) return;
    if (round.found || this.#isResting) {
      // What is still there others have not asked.
      for (const partition of round.heldBack) {
        if (this.#ready.has(partition)) this.#ready.set(partition, performance.now());
      }
      this.#endRound();
      this.#options.onChange();
      return;
    }
    round.isLate = true;
    const { openPulls } = this.#options;
    for (const partition of round.empty) openPulls.add(partition);
    openPulls.renew();
  }

  #endRound(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // No batch ever comes here, so none can get lost; those that are silent drop the pull.
    this.#round?.answers.unsubscribe();
    this.#round = undefined;
  }

  #askIfFresh(partition: number, oldest: number, free: number): void {
    if (this.#asked.size >= free) return;
    const since = this.#ready.get(partition) ?? Number.NEGATIVE_INFINITY;
    this.#ready.delete(partition);
    if (since >= oldest) this.#ask(partition);
  }

  #ask(partition: number): void {
    const expires = Math.min(firstExpiry * 2 ** this.#failures, longestExpiry);
    this.#asked.set(partition, performance.now() + expires + lateness);
    sendPull(this.#options.connection, partition, this.#inbox, { expires });
  }

  #receive(message: Msg): void {
    const partition = answeringPartition(message);
    const delivery = deliveryOf(message, partition, this.#options.connection);
    if (delivery === undefined) {
      this.#fail(partition);
      return;
    }
    this.#failures = 0;
    this.#asked.delete(partition);
    this.#options.onDelivery(delivery);
  }

  /** What was known is out of date: another worker has the batch, or the partition has no leader right now. */
  #fail(partition: number): void {
    if (!this.#asked.delete(partition)) return;
    this.#failures++;
    this.#isAlone = false;
    this.#ready.clear();
    this.#endRound();
    this.#options.onChange();
  }
}
