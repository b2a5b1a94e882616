import { performance } from "node:perf_hooks";
import type { WorkDone } from "../chat/report.ts";
import type { DeliveryHandler } from "./delivery.ts";

/**
 * How much a worker does. It has all it can do when its thread computes all the time, or when all slots that can have a
 * batch have one. Whether *some* batch is at work says little: with many partitions, that is so long before.
 */
export class Workload {
  readonly #slots: number;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #thread = performance.eventLoopUtilization();
  #storedBytes = 0;
  #atWork = 0;
  /** Milliseconds that slots had a batch, in sum, until `#changedAt`. */
  #slotTime = 0;
  #changedAt: number;

  /** `slots`: how many batches can be at work at once. */
  constructor(slots: number, now: () => number = () => performance.now()) {
    this.#slots = slots;
    this.#now = now;
    this.#startedAt = now();
    this.#changedAt = this.#startedAt;
  }

  /** The same handler, whose batches are counted. */
  counting(handle: DeliveryHandler): DeliveryHandler {
    return async (delivery) => {
      this.#advance(1);
      try {
        const outcome = await handle(delivery);
        if (outcome === "done") this.#storedBytes += delivery.message.data.length;
        return outcome;
      } finally {
        this.#advance(-1);
      }
    };
  }

  soFar(): WorkDone {
    this.#advance(0);
    return {
      upSeconds: (this.#changedAt - this.#startedAt) / 1000,
      storedBytes: this.#storedBytes,
      slotSeconds: this.#slotTime / this.#slots / 1000,
      threadSeconds: performance.eventLoopUtilization(this.#thread).active / 1000,
    };
  }

  #advance(change: number): void {
    const now = this.#now();
    this.#slotTime += this.#atWork * (now - this.#changedAt);
    this.#changedAt = now;
    this.#atWork += change;
  }
}
