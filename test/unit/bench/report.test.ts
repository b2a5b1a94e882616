import { expect, test } from "vitest";
import { markdownOf } from "../../../bench/report/markdown.ts";
import { figure, median, spread } from "../../../bench/report/numbers.ts";
import { plotOf } from "../../../bench/report/plot.ts";

test("figures have three digits that count", () => {
  expect([1_234_567, 52_712, 12.345, 0.12345, 0, Number.NaN].map(figure)).toEqual([
    ...["1,230,000", "52,700", "12.3", "0.123", "0", "-"],
  ]);
});

test("a ratio is told with its spread", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(spread([1.5, 1.42, 1.61])).toBe("1.50 (1.42-1.61)");
  expect(spread([])).toBe("-");
});

test("a report shows failures", () => {
  const section = {
    ...{ id: "A", title: "title", notes: ["a note"], columns: ["service", "messages/s"], data: {} },
    rows: [["DisRoom", "failed"]],
    failures: ["A, fsync, round 1: 1 lost"],
  };
  const text = markdownOf({ date: "today" }, [section], undefined, "all is well");
  expect(text).not.toContain("all is well");
  expect(text).toContain("**1 failures**");
  expect(text).toContain("- **failed**: A, fsync, round 1: 1 lost");
  expect(text).toContain("| DisRoom |     failed |");
});

test("a plot has a line of each kind for each service", () => {
  const points = [
    { offered: 100, p50: 1, p99: 5, keepsUp: true },
    { offered: 1000, p50: 2, p99: 50, keepsUp: false },
  ];
  const svg = plotOf([{ title: "A & B", points }], "machine") ?? "";
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(1);
  expect(svg.match(/<circle/g)).toHaveLength(4);
  expect(svg).toContain("A &amp; B");
  expect(plotOf([], "machine")).toBeUndefined();
});
