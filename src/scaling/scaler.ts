import type { ChatClusterSpec } from "../cluster/chat-cluster.ts";
import { maxWorkers } from "../cluster/derived.ts";
import { plural } from "./plural.ts";
import { type Decision, decide, initialState, type ScalingSettings, withinBounds } from "./policy.ts";
import type { Reason } from "./reason.ts";
import type { LagSample } from "./sample.ts";

/** That another number of workers is to run. */
export type Change = { readonly from: number; readonly to: number; readonly reason: Reason };

/** Decides for one ChatCluster how many workers are to run, again and again, and knows how many they are now. */
export class Scaler {
  #state = initialState;
  #workers: number;

  /** `workers`: how many are to run until it is decided otherwise. */
  constructor(workers: number) {
    this.#workers = workers;
  }

  get workers(): number {
    return this.#workers;
  }

  /** Bounds hold at once, whatever the lag is. What changes by that. */
  keepWithin(spec: ChatClusterSpec): Change | undefined {
    const bounded = withinBounds(settingsOf(spec), this.#workers);
    return bounded === undefined ? undefined : this.#take(bounded);
  }

  /** Decides upon what was just measured, undefined where that failed. `ready`: workers that are ready. */
  decide(
    spec: ChatClusterSpec,
    sample: LagSample | undefined,
    ready: number,
  ): { readonly reason: Reason; readonly change: Change | undefined } {
    const seen = { sample, asked: this.#workers, ready };
    const decision = decide(settingsOf(spec), this.#state, seen, performance.now());
    this.#state = decision.state;
    return { reason: decision.reason, change: this.#take(decision) };
  }

  #take({ workers, reason }: Pick<Decision, "workers" | "reason">): Change | undefined {
    const from = this.#workers;
    this.#workers = workers;
    return workers === from ? undefined : { from, to: workers, reason };
  }
}

const settingsOf = (spec: ChatClusterSpec): ScalingSettings => ({
  ...spec.workers,
  maxReplicas: maxWorkers(spec),
});

/** A change in words, for an event or a terminal. */
export function changeText({ from, to, reason }: Change): string {
  return `${plural(to, "queue worker")} in place of ${from}: ${reason.text}`;
}
