import { describe, expect, test } from "vitest";
import { desiredReplicas, type HpaState, initialHpa, sync } from "../../../../bench/simulate/policies/hpa.ts";

const bounds = { min: 1, max: 16 };

describe("what a metric asks for", () => {
  // value, target, replicas: the ratio is value / (target x replicas).
  test.each([
    [96, 10, 5, 10],
    [96, 20, 5, 5],
    [0, 10, 4, 0],
    [44, 10, 4, 4],
    [45, 10, 4, 5],
    [36, 10, 4, 4],
    [35, 10, 4, 4],
    [29, 10, 4, 3],
    [1, 10, 4, 1],
    [1000, 7, 3, 143],
  ])("%i waiting, %i each, %i running: %i", (value, target, replicas, desired) => {
    expect(desiredReplicas(value, target, replicas)).toBe(desired);
  });
});

/** Syncs every 15 s with what the metrics ask for; how many run after each. */
function replicasOf(start: number, wishes: readonly (readonly number[])[]): number[] {
  let state: HpaState = initialHpa(start, 0);
  let replicas = start;
  return wishes.map((desired, index) => {
    ({ state, replicas } = sync(state, { desired, replicas, ...bounds }, index * 15));
    return replicas;
  });
}

describe("a sync", () => {
  test("adds 4 or as many as there are, whichever is more, per 15 s", () => {
    expect(replicasOf(1, [[16], [16], [16]])).toEqual([5, 10, 16]);
    expect(replicasOf(6, [[16], [16]])).toEqual([12, 16]);
  });

  test("takes the metric that asks for most", () => {
    expect(replicasOf(4, [[2, 6, 3]])).toEqual([6]);
  });

  test("stays within the bounds", () => {
    expect(replicasOf(14, [[30]])).toEqual([16]);
    expect(replicasOf(1, [[0]])).toEqual([1]);
  });

  test("shrinks to the highest recommendation of 300 s, the count at the beginning being one", () => {
    const wishes = Array.from({ length: 45 }, (_, index) => [index === 10 ? 5 : 2]);
    const counts = replicasOf(8, wishes);
    // 8 counts until 300 s have passed, at the 20th sync; then 5, which was asked for at 150 s, until 450 s.
    expect(counts.slice(0, 20).every((count) => count === 8)).toBe(true);
    expect(counts.slice(20, 30).every((count) => count === 5)).toBe(true);
    expect(counts[30]).toBe(2);
  });

  test("changes nothing without any metric", () => {
    expect(replicasOf(8, [[], [], []])).toEqual([8, 8, 8]);
  });

  test("counts what was added within the period against it", () => {
    const grown = sync(initialHpa(4, 0), { desired: [6], replicas: 4, ...bounds }, 0);
    expect(grown.replicas).toBe(6);
    expect(sync(grown.state, { desired: [16], replicas: 6, ...bounds }, 5).replicas).toBe(8);
  });
});
