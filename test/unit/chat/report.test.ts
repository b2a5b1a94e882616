import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeReport, type Report } from "../../../src/chat/report.ts";

const server: Report = {
  role: "server",
  id: "abc_-1",
  connections: 3,
  oldestSeconds: 0.5,
  waitingBytes: 120,
};
const worker: Report = {
  ...{ role: "worker", id: "abc_-2" },
  ...{ upSeconds: 9.5, storedBytes: 1e12, slotSeconds: 0, threadSeconds: 1 },
};
const decode = (value: unknown) => decodeReport(Buffer.from(JSON.stringify(value)));

test.each([server, worker])("comes as it was sent, without what does not belong in it", (report) => {
  expect(decode({ ...report, more: "x" })).toEqual(report);
});

test.each<[string, unknown]>([
  ["no object", null],
  ["a number", 7],
  ["nobody in particular", { ...server, role: "nats" }],
  ["without an id", { ...server, id: undefined }],
  ["with an empty id", { ...server, id: "" }],
  ["with a long id", { ...server, id: "x".repeat(65) }],
  ["with an id for a terminal", { ...server, id: "\u001b[2J" }],
  ["without a number", { ...server, connections: undefined }],
  ["with a text for a number", { ...server, connections: "3" }],
  ["with less than nothing", { ...worker, storedBytes: -1 }],
  ["with more than can be counted", { ...worker, storedBytes: 1e300 }],
  ["too long", { ...server, more: "x".repeat(1024) }],
])("%s is none", (_, value) => {
  expect(decode(value)).toBeUndefined();
});

test("whatever comes is a report or none", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(decodeReport(Buffer.from(text))).toBeUndefined();
    }),
  );
});
