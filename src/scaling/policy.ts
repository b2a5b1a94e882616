import { type Count, growthLimit, recentCounts } from "./growth.ts";
import { arrivalRate, enough, isOverloaded, needed } from "./need.ts";
import { plural } from "./plural.ts";
import type { Reason } from "./reason.ts";
import type { LagSample } from "./sample.ts";
import { emptyWindow, highestWish, type Window, withWish } from "./window.ts";

/** The part of the target that the lag is kept at, so that it stays below the target while load and lag vary. */
const aim = 0.7;
/** How far from there the lag may be without the number of workers being changed. */
const tolerance = 0.1;
/** How many to begin with when messages wait and no worker is ready. */
const firstWorkers = 5;
/** Samples that are further apart say nothing of what was between them, in milliseconds: they come every few seconds. */
const longestInterval = 15_000;

/** What a ChatCluster says of its workers' count. */
export type ScalingSettings = {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly lag: { readonly targetSeconds: number; readonly scaleDownDelaySeconds: number };
};

/** What is seen when a decision is due. */
export type Seen = {
  /** undefined when the measurement failed. */
  readonly sample: LagSample | undefined;
  /** Workers that were asked for, ready or not: what is wanted of the Deployment now. */
  readonly asked: number;
  /** Those of them that are ready. */
  readonly ready: number;
};

/** What the policy remembers. It may be lost at any time: then it is learned again while the count stays. */
export type PolicyState = {
  readonly last: LagSample | undefined;
  /** Bytes per second that arrived before the last sample. */
  readonly arrivals: number | undefined;
  readonly counts: readonly Count[];
  readonly window: Window;
};

export const initialState: PolicyState = {
  last: undefined,
  arrivals: undefined,
  counts: [],
  window: emptyWindow,
};

export type Decision = {
  readonly state: PolicyState;
  readonly workers: number;
  readonly reason: Reason;
};

/**
 * How many workers are wanted at `now`, in milliseconds of the samples' clock. Grows at once, twofold or by 4 in
 * 15 seconds; shrinks to what was the most that was needed in the window; holds while nothing is known.
 */
export function decide(settings: ScalingSettings, state: PolicyState, seen: Seen, now: number): Decision {
  const { sample, asked } = seen;
  const counts = recentCounts(state.counts, asked, now);
  const bounded = withinBounds(settings, asked);
  if (bounded !== undefined) return { state: { ...state, counts }, ...bounded };
  if (sample === undefined) {
    const text = `the lag could not be measured: still ${plural(asked, "worker")}`;
    return { state: { ...state, counts }, workers: asked, reason: { name: "Unknown", text } };
  }

  const last =
    state.last !== undefined && sample.at - state.last.at <= longestInterval ? state.last : undefined;
  const wish = wishFor(settings, { ...state, last }, seen, sample);
  const length = settings.lag.scaleDownDelaySeconds * 1000;
  // Time in which it can't be told what workers did does not show that fewer are enough, nor that they are not.
  const window =
    wish.workers === asked && !isTold(sample)
      ? state.window
      : withWish(state.window, sample.at - (last?.at ?? sample.at), within(settings, wish.workers), length);
  const floor = highestWish(window, length) ?? asked;
  const decided = counted(settings, counts, asked, wish, floor);
  const next = {
    ...{ last: sample, arrivals: arrivalRate(last, sample), window },
    counts: recentCounts(counts, decided.workers, now),
  };
  return { state: next, ...decided };
}

/** What is to be done about a count that is outside of the bounds; undefined if it is not. */
export function withinBounds(
  settings: ScalingSettings,
  asked: number,
): Pick<Decision, "workers" | "reason"> | undefined {
  const workers = within(settings, asked);
  if (workers === asked) return undefined;
  const { minReplicas, maxReplicas } = settings;
  const range = minReplicas === maxReplicas ? "exactly" : `${minReplicas} to`;
  const text = `settings allow ${range} ${plural(maxReplicas, "worker")}, not ${asked}`;
  return { workers, reason: { name: "Bounds", text } };
}

type Wish = { readonly workers: number; readonly reason: Reason };

/** What the sample by itself asks for, whatever the bounds are. */
function wishFor(
  { lag: { targetSeconds } }: ScalingSettings,
  state: PolicyState,
  seen: Seen,
  sample: LagSample,
): Wish {
  const { lagSeconds, lagBytes, storedBytesPerSecond } = sample;
  const { asked, ready } = seen;
  const aimed = targetSeconds * aim;
  const limit = aimed * (1 + tolerance);
  const text = `the oldest message has waited for ${lagSeconds.toFixed(1)} s, of ${targetSeconds} s that it may at most`;
  if (lagSeconds > targetSeconds) {
    return { workers: more(state, seen, sample, aimed), reason: { name: "LagAboveTarget", text } };
  }
  const isNew = ready === 0 && lagBytes > 0;
  if (lagSeconds > limit || isNew || isOverloaded(state.last, sample, limit)) {
    return { workers: more(state, seen, sample, aimed), reason: { name: "LagRising", text } };
  }
  if (lagBytes === 0 && storedBytesPerSecond === 0) {
    return { workers: 0, reason: { name: "Idle", text: "nothing waits and nothing is stored" } };
  }
  // Who does not answer may be storing all the same; without anybody's answer nothing is given up.
  const workers = isTold(sample)
    ? enough(sample, Math.max(ready, sample.workers), aimed * (1 - tolerance))
    : asked;
  return { workers: Math.min(workers, asked), reason: { name: "Steady", text } };
}

/** Whether it is known what workers did. */
const isTold = ({ workers, busy }: LagSample): boolean => workers > 0 && busy !== undefined;

/** How many workers a lag asks for that is too long. */
function more(
  { last, arrivals }: PolicyState,
  { asked, ready }: Seen,
  sample: LagSample,
  aimed: number,
): number {
  if (ready === 0) return firstWorkers;
  const need = needed(last, sample, arrivals, aimed, Math.max(0, ready - sample.workers));
  if (need !== undefined) return need;
  // The first sample after a start or a gap says too little. So does one that follows a better one, as when a worker
  // has come or gone. If workers don't answer for longer, the lag has to do.
  return last === undefined || arrivals !== undefined
    ? asked
    : Math.ceil(asked * Math.min(2, sample.lagSeconds / aimed));
}

/** The wish within growth, window and bounds, and why it is that many. */
function counted(
  settings: ScalingSettings,
  counts: readonly Count[],
  asked: number,
  { workers: wished, reason }: Wish,
  floor: number,
): Pick<Decision, "workers" | "reason"> {
  const { minReplicas, maxReplicas } = settings;
  if (wished > asked) {
    if (asked === maxReplicas)
      return {
        workers: asked,
        reason: told("AtMaximum", reason, `settings allow no more than ${plural(maxReplicas, "worker")}`),
      };
    const workers = Math.min(wished, maxReplicas, growthLimit(counts, asked));
    if (workers > asked) return { workers, reason };
    return {
      workers: asked,
      reason: told("GrowthLimit", reason, "those that were added have yet to take effect"),
    };
  }
  if (
    reason.name === "LagAboveTarget" ||
    reason.name === "LagRising" ||
    Math.max(wished, minReplicas) === asked
  ) {
    return { workers: asked, reason };
  }
  const workers = Math.min(asked, Math.max(minReplicas, floor));
  const { scaleDownDelaySeconds } = settings.lag;
  if (workers === asked) {
    const text = `fewer than ${plural(asked, "worker")} may be enough, but have to be for ${scaleDownDelaySeconds} s`;
    return { workers, reason: { name: reason.name === "Idle" ? "Idle" : "Stabilizing", text } };
  }
  const text = `${plural(workers, "worker")} would have been enough for ${scaleDownDelaySeconds} s`;
  return { workers, reason: { name: reason.name === "Idle" ? "Idle" : "FewerSuffice", text } };
}

const told = (name: Reason["name"], { text }: Reason, more: string): Reason => ({
  name,
  text: `${text}; ${more}`,
});

const within = ({ minReplicas, maxReplicas }: ScalingSettings, workers: number): number =>
  Math.min(maxReplicas, Math.max(minReplicas, workers));
