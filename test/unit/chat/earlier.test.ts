import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeEarlier, encodeEarlier } from "../../../src/chat/earlier.ts";

it("is read as it was written", () => {
  expect(encodeEarlier(100, [90, 54, 1])).toBe("a,10,1h");
  const distances = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { maxLength: 31 });
  fc.assert(
    fc.property(distances, (steps) => {
      const from = steps.reduce((sum, step) => sum + step, 1);
      let sequence = from;
      const sequences = steps.map((step) => {
        sequence -= step;
        return sequence;
      });
      expect(decodeEarlier(from, encodeEarlier(from, sequences))).toEqual(sequences);
    }),
  );
});

it.each([undefined, "", "!", "5,", "zz", "0,0,zzzzzz"])("is nothing where %j stands", (text) => {
  expect(decodeEarlier(10, text)).toEqual([]);
});
