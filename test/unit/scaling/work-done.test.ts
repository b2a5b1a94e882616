import { expect, test } from "vitest";
import type { WorkerReport } from "../../../src/chat/report.ts";
import { workBetween } from "../../../src/scaling/work-done.ts";

const idle: WorkerReport = {
  ...{ role: "worker", id: "a" },
  ...{ upSeconds: 100, storedBytes: 1000, slotSeconds: 10, threadSeconds: 20 },
};
const at = 50_000;
const worker = (changes: Partial<WorkerReport>): WorkerReport => ({ ...idle, ...changes });
const before = { at, workers: [idle, worker({ id: "b" })] };
const later = (...workers: WorkerReport[]) => ({ at: at + 4000, workers });
const untold = { storedBytesPerSecond: undefined, busy: undefined };

test("bytes of all workers by the time; the busier of slots and thread, by each worker's own clock", () => {
  const after = later(
    worker({ upSeconds: 104, storedBytes: 5000, slotSeconds: 13, threadSeconds: 21 }),
    worker({ id: "b", upSeconds: 105, storedBytes: 1400, slotSeconds: 10, threadSeconds: 21 }),
  );
  const { storedBytesPerSecond, busy } = workBetween(before, after);
  expect(storedBytesPerSecond).toBe(1100);
  expect(busy).toBeCloseTo((0.75 + 0.2) / 2);
});

test("one that has started since counts from its start", () => {
  const fresh = { id: "c", upSeconds: 2, storedBytes: 800, slotSeconds: 1, threadSeconds: 0.5 };
  const work = workBetween({ at, workers: [idle] }, later(worker({ upSeconds: 104 }), worker(fresh)));
  expect(work).toEqual({ storedBytesPerSecond: 200, busy: 0.25 });
  // So young that its clock has not moved.
  const newborn = { ...fresh, upSeconds: 0, storedBytes: 0, slotSeconds: 0, threadSeconds: 0 };
  expect(workBetween({ at, workers: [] }, later(worker(newborn)))).toEqual({
    storedBytesPerSecond: 0,
    busy: 0,
  });
});

test("busy is never more than all the time", () => {
  const { busy } = workBetween(
    { at, workers: [idle] },
    later(worker({ upSeconds: 104, threadSeconds: 24.01 })),
  );
  expect(busy).toBe(1);
});

test.each([
  ["the first time", undefined, later(idle)],
  ["without workers", before, later()],
  ["where one is gone", before, later(worker({ upSeconds: 104 }))],
  [
    "where one was not heard of last time, and is older",
    { at, workers: [idle] },
    later(worker({ upSeconds: 104 }), worker({ id: "c", upSeconds: 4.1 })),
  ],
  ["where no time has passed", before, { ...before }],
])("it can't be told %s", (_, last, now) => {
  expect(workBetween(last, now)).toEqual(untold);
});
