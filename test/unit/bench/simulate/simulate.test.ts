import { describe, expect, test } from "vitest";
import { beats, brokenOn, cheapestThatMeets, restless } from "../../../../bench/simulate/conditions.ts";
import { fixed } from "../../../../bench/simulate/policies/fixed.ts";
import { ours } from "../../../../bench/simulate/policies/ours.ts";
import { type Point, run } from "../../../../bench/simulate/run.ts";
import type { Row } from "../../../../bench/simulate/sweep.ts";
import { step, type Trace } from "../../../../bench/simulate/trace.ts";
import { scenarios, traceOf } from "../../../../bench/simulate/traces.ts";

function named(name: string, seed: number): Trace {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return traceOf(scenario, seed);
}

/** A load that does not change, on workers that do not either. */
function constant(messages: number, seconds = 600): Trace {
  const trace = named("steady", 1);
  const steps = seconds / step;
  const shares = trace.shares.map((_, __, all) => 1 / all.length);
  const arrivals = { messages, bytes: messages * 200, batches: messages };
  return { ...trace, shares, arrivals: new Array(steps).fill(arrivals), speed: new Array(steps).fill(1) };
}

/** The lag at the end under so many workers. */
function settledLag(messages: number, workers: number): number {
  let lag = 0;
  run(constant(messages), fixed, workers, (point) => {
    lag = point.lagSeconds;
  });
  return lag;
}

describe("the model", () => {
  test("a trace is the same for the same seed, and another for another", () => {
    expect(named("flash-crowd", 5)).toEqual(named("flash-crowd", 5));
    expect(named("flash-crowd", 5).arrivals).not.toEqual(named("flash-crowd", 6).arrivals);
  });

  test("few messages wait for about a batch's time: round trips and one room's part", () => {
    // 5 ms, and 138 + 0.86 microseconds on a quarter of a core: 5.56 ms.
    expect(settledLag(160, 16)).toBeGreaterThan(0.005);
    expect(settledLag(160, 16)).toBeLessThan(0.0065);
  });

  test("the lag falls with each worker, and more workers than partitions help nothing", () => {
    const lags = [6, 8, 10].map((workers) => settledLag(40_000, workers));
    for (const [index, lag] of lags.slice(1).entries()) expect(lag).toBeLessThan((lags[index] ?? 0) * 0.95);
    expect(settledLag(40_000, 32)).toBeCloseTo(settledLag(40_000, 20), 3);
  });

  test("what is more than the worker can carry piles up as fast as it is too much", () => {
    // After 2 s unfinished batches do not count, so that a batch is what one of 48 publishers gets in a second: 517
    // messages, for 108 rooms, 61.6 ms. That makes 8,390 messages/s.
    const expected = 600 * (1 - 8390 / 24_820);
    expect(settledLag(24_820, 1)).toBeGreaterThan(expected * 0.99);
    expect(settledLag(24_820, 1)).toBeLessThan(expected * 1.01);
  });

  test("pods take time to start: nothing is stored before", () => {
    const trace = { ...constant(5000, 60), startsCold: true, startTimes: [10] };
    const lags: number[] = [];
    run(trace, fixed, 4, ({ lagSeconds }) => lags.push(lagSeconds));
    expect(lags[18]).toBeCloseTo(9.5, 1);
    expect(lags.at(-1)).toBeLessThan(1);
  });

  test("a worker that hangs holds its partitions up for ack_wait, or twice that", () => {
    let longest = 0;
    run({ ...constant(10_000, 200), hangs: [100] }, fixed, 6, ({ lagSeconds }) => {
      longest = Math.max(longest, lagSeconds);
    });
    expect(longest).toBeGreaterThan(5.9);
    expect(longest).toBeLessThan(7);
  });

  test("counts what a run costs", () => {
    const outcome = run(constant(1000, 100), fixed, 3);
    expect(outcome).toEqual({ ...outcome, secondsOverTarget: 0, workerSeconds: 300, changes: 0 });
    expect(run(constant(60_000, 100), fixed, 1).secondsOverTarget).toBeGreaterThan(90);
  });

  test("no policy sees anything in a gap", () => {
    const trace = { ...named("step", 1), gap: { from: 0, to: Number.POSITIVE_INFINITY } };
    expect(run(trace, ours(trace), trace.workersAtStart).changes).toBe(0);
  });
});

describe("the conditions", () => {
  const outcome = (secondsOverTarget: number, workerSeconds: number): Row => ({
    ...{ trace: "step", policy: "keda", secondsOverTarget, workerSeconds, longestLagSeconds: 0, changes: 0 },
  });

  test("to beat is to be better in both", () => {
    expect(beats(outcome(1, 10), outcome(2, 20))).toBe(true);
    expect(beats(outcome(2, 10), outcome(2, 20))).toBe(false);
    expect(beats(outcome(1, 20), outcome(2, 20))).toBe(false);
  });

  test("the cheapest that is over the target for no longer", () => {
    const rows = [outcome(5, 10), outcome(2, 40), outcome(3, 30)];
    expect(cheapestThatMeets(outcome(3, 0), rows)).toBe(rows[2]);
    expect(cheapestThatMeets(outcome(1, 0), rows)).toBeUndefined();
  });

  test("two turns within a window are too many", () => {
    const path = (changes: readonly (readonly [number, number])[]): Point[] =>
      changes.map(([time, workers]) => ({ time, workers, lagSeconds: 0 }));
    expect(
      restless(
        path([
          [0, 4],
          [10, 5],
          [400, 4],
          [800, 5],
        ]),
      ),
    ).toEqual([]);
    expect(
      restless(
        path([
          [0, 4],
          [10, 5],
          [400, 4],
          [600, 5],
        ]),
      ),
    ).toHaveLength(1);
    expect(
      restless(
        path([
          [0, 4],
          [10, 5],
          [20, 6],
          [400, 5],
          [500, 4],
        ]),
      ),
    ).toEqual([]);
  });
});

test.each([1, 2])("what docs/scaling.md promises holds for seed %i", (seed) => {
  expect(scenarios.flatMap((scenario) => brokenOn(traceOf(scenario, seed)))).toEqual([]);
});
