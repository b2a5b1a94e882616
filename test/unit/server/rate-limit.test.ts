import fc from "fast-check";
import { expect, it } from "vitest";
import { RateLimit } from "../../../src/server/rate-limit.ts";

const take = (limit: RateLimit, times: number, now: number) =>
  Array.from({ length: times }, () => limit.take(now));

it("lets a burst through at once, then says how long to wait", () => {
  const limit = new RateLimit(20, 3, 1000);
  expect(take(limit, 4, 1000)).toEqual([0, 0, 0, 50]);
  expect(limit.take(1010)).toBe(40);
  expect(take(limit, 2, 1050)).toEqual([0, 50]);
});

it("saves up no more than a burst", () => {
  const limit = new RateLimit(20, 3, 0);
  take(limit, 3, 0);
  expect(take(limit, 4, 3_600_000)).toEqual([0, 0, 0, 50]);
});

it("says whole milliseconds, and never too few", () => {
  const limit = new RateLimit(7, 1, 0.25);
  expect(limit.take(0.25)).toBe(0);
  expect(limit.take(0.5)).toBe(143);
});

it("with a rate of 0 there is no limit", () => {
  const limit = new RateLimit(0, 0, 0);
  expect(take(limit, 1000, 0)).toEqual(new Array(1000).fill(0));
});

it("never lets more through than the rate and one burst, and as many when all waits are kept", () => {
  const waits = fc.array(fc.nat(300), { maxLength: 100 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 50 }),
      waits,
      (rate, burst, pauses) => {
        const limit = new RateLimit(rate, burst, 0);
        let now = 0;
        let taken = 0;
        for (const pause of pauses) {
          now += pause;
          while (limit.take(now) === 0) taken++;
          expect(taken).toBeLessThanOrEqual(burst + (now * rate) / 1000 + 1e-6);
        }
        let wait = 0;
        while (wait === 0) wait = limit.take(now);
        expect(wait).toBeLessThanOrEqual(1000 / rate + 1);
        // Sums of fractions may be off by their last bit.
        expect(limit.take(now + wait + 1e-6)).toBe(0);
      },
    ),
  );
});
