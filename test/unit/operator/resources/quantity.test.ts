import { expect, test } from "vitest";
import { parseQuantity } from "../../../../src/operator/resources/quantity.ts";

test.each([
  ["500m", 0.5],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["512Mi", 2 ** 29],
  ["2G", 2e9],
  [2, 2],
  ["0.25", 0.25],
  ["lots", undefined],
  ["1Xi", undefined],
])("%s", (quantity, value) => {
  expect(parseQuantity(quantity)).toBe(value);
});
