import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "../../../bench/load/histogram.ts";

test("percentiles are those of the values, at most 1.6 % and a microsecond above", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * values.length - 1e-9) - 1)] ?? 0;
        const found = histogram.percentile(share);
        expect(found).toBeGreaterThanOrEqual(exact - 0.001);
        expect(found).toBeLessThanOrEqual(exact * 1.016 + 0.001);
      },
    ),
  );
});

test("without values there is no percentile", () => {
  expect(new Histogram().percentile(0.5)).toBeNaN();
});
