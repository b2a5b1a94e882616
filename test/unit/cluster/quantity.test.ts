import { expect, test } from "vitest";
import { parseBytes } from "../../../src/cluster/quantity.ts";

test.each([
  ["1", 1],
  ["500M", 500_000_000],
  ["3k", 3000],
  ["2G", 2_000_000_000],
  ["1T", 1_000_000_000_000],
  ["3Ki", 3072],
  ["256Mi", 268_435_456],
  ["10Gi", 10_737_418_240],
  ["2Ti", 2_199_023_255_552],
])("%s", (quantity, bytes) => {
  expect(parseBytes(quantity)).toBe(bytes);
});

test.each(["", "Gi", "1.5Gi", "-1Gi", "10GB", "10 Gi", "1e3", "500m"])("%j is no size", (quantity) => {
  expect(() => parseBytes(quantity)).toThrow("10Gi");
});
