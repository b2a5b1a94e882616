import { batchTime, roundTrips } from "./costs.ts";
import { step } from "./trace.ts";

/** Newton's rounds; the first guess is what was left before, which is near. */
const rounds = 2;

/** How a partition is worked on. */
type Work = {
  /** Of a worker. */
  readonly share: number;
  /** Batches that what waits is spread over, until these are full. */
  readonly limit: number;
  /** Messages of the largest and of the smallest batch. */
  readonly full: number;
  readonly smallest: number;
};

/**
 * How many of `all` messages of a partition are left at the end of a step. The pace of the step is that of its end
 * (Euler's implicit method), so that it may be longer than batches take and still ends where what waits has settled.
 */
export function leftAfter(guess: number, all: number, { share, limit, full, smallest }: Work): number {
  let left = Math.min(all, guess);
  for (let round = 0; round < rounds; round++) {
    const size = Math.min(full, Math.max(smallest, left / limit));
    const work = batchTime(size) / share;
    const batch = roundTrips + work;
    const isPart = left < smallest;
    const pace = (isPart ? left : size) / batch;
    // How the pace grows with what is left: with the size of batches, whose time grows with its power 3/4, about.
    let steepness = 0;
    if (isPart) steepness = 1;
    else if (size > smallest && size < full) steepness = 1 - (0.77 * work) / batch;
    const error = left - all + pace * step;
    left = Math.min(all, Math.max(left / 8, left - error / (1 + (pace * step * steepness) / left)));
  }
  return left;
}
