import { expect, test } from "vitest";
import { nextDelay, restartDelays } from "../../../src/local/restart-delay.ts";

test("a part that keeps ending is started again after longer and longer times, up to a limit", () => {
  const delays: number[] = [];
  while (delays.length < 8) delays.push(nextDelay(delays.at(-1), 1000));
  expect(delays).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test("after it ran well for a while, the next start is quick again", () => {
  expect(nextDelay(6400, restartDelays.wellAfter)).toBe(200);
  expect(nextDelay(6400, restartDelays.wellAfter - 1)).toBe(10_000);
});
