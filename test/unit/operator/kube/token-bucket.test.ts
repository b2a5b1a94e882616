import { expect, test } from "vitest";
import { TokenBucket } from "../../../../src/operator/kube/token-bucket.ts";

test("lets a burst through at once and then as many a second, in order", () => {
  let now = 0;
  const bucket = new TokenBucket(10, 3, () => now);
  expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0]);
  expect([bucket.take(), bucket.take()]).toEqual([100, 200]);
  now = 200;
  expect(bucket.take()).toBe(100);
  now = 100_000;
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0, 100]);
});

test("who does not wait gets a token only if it is there", () => {
  let now = 0;
  const bucket = new TokenBucket(1, 1, () => now);
  expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false]);
  now = 999;
  expect(bucket.tryTake()).toBe(false);
  now = 1000;
  expect(bucket.tryTake()).toBe(true);
});
