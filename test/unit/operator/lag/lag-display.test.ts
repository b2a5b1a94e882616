import { expect, test } from "vitest";
import { LagDisplay } from "../../../../src/operator/lag/lag-display.ts";
import type { Measured } from "../../../../src/scaling/lag-meter.ts";
import { LagUnknown } from "../../../../src/scaling/lag-unknown.ts";

const target = 2;
const measured = (lagSeconds: number, lagBytes = 0, connections = 0): Measured => ({
  sample: {
    ...{ at: 0, lagSeconds, lagBytes, workers: 1 },
    ...{ storedBytesPerSecond: undefined, busy: undefined },
  },
  connections,
});
const silent = new LagUnknown("QueueSilent", "the queue does not say what waits in it: timeout");
const gone = new LagUnknown("NATSUnreachable", "the connection to NATS is lost");

/** What is shown, measured every three seconds. */
function watching({ mayChange = (): boolean => true } = {}) {
  let now = 0;
  const display = new LagDisplay({ now: () => now, mayChange });
  return {
    /** When each of these results changed what is shown, and to what. */
    changes(...results: (Measured | LagUnknown)[]) {
      return results.flatMap((result) => {
        now += 3000;
        return display.take(result, target) ? [[now / 1000, display.shown] as const] : [];
      });
    },
  };
}

test("the first measurement is shown, and no more while nothing changes but what rounding takes away", () => {
  const results = [0.01, 0, 0.049, 0.02, 0.03, 0.04, 0.01].map((lag, index) => measured(lag, 40 * index, 7));
  expect(watching().changes(...results)).toEqual([[3, { lagSeconds: 0, lagBytes: 0, connections: 7 }]]);
});

test("what changes all the time is shown every fifteen seconds", () => {
  const results = Array.from({ length: 15 }, (_, index) => measured(0, 0, index));
  expect(watching().changes(...results)).toEqual([
    [3, { lagSeconds: 0, lagBytes: 0, connections: 0 }],
    [18, { lagSeconds: 0, lagBytes: 0, connections: 5 }],
    [33, { lagSeconds: 0, lagBytes: 0, connections: 10 }],
  ]);
});

test("a lag that passes its target is shown at once; that it falls can wait", () => {
  const results = [0, 0, 2, 2.1, 2.2, 1, 1, 1, 1, 1].map((lag) => measured(lag));
  expect(watching().changes(...results)).toEqual([
    [3, expect.objectContaining({ lagSeconds: 0 })],
    [12, expect.objectContaining({ lagSeconds: 2.1 })],
    [27, expect.objectContaining({ lagSeconds: 1 })],
  ]);
});

test("what can wait does so while too much is written", () => {
  let isFree = false;
  const { changes } = watching({ mayChange: () => isFree });
  const results = Array.from({ length: 10 }, (_, index) => measured(0, 0, index));
  expect(changes(...results)).toHaveLength(1);
  expect(changes(measured(3))).toHaveLength(1);
  isFree = true;
  expect(changes(...results)).toHaveLength(2);
});

test("that it is unknown is shown after three attempts, and at once that it is known again", () => {
  expect(watching().changes(measured(1), silent, silent, measured(1), silent, silent)).toHaveLength(1);
  const results = [measured(0.4), gone, silent, silent, silent, measured(0.4), measured(0.4)];
  expect(watching().changes(...results)).toEqual([
    [3, expect.objectContaining({ lagSeconds: 0.4 })],
    [12, { reason: "QueueSilent", message: silent.message }],
    [18, expect.objectContaining({ lagSeconds: 0.4 })],
  ]);
});

test("a reason that changes all the time is told every fifteen seconds", () => {
  const results = Array.from({ length: 14 }, (_, index) => (index % 2 === 0 ? silent : gone));
  expect(watching().changes(...results)).toEqual([
    [9, expect.objectContaining({ reason: "QueueSilent" })],
    [24, expect.objectContaining({ reason: "NATSUnreachable" })],
    [39, expect.objectContaining({ reason: "QueueSilent" })],
  ]);
});

test.each([
  [0.04, 0],
  [0.05, 0.1],
  [9.94, 9.9],
  [12.4, 12],
  [3600.7, 3601],
])("%f s are shown as %f", (seconds, shown) => {
  expect(watching().changes(measured(seconds))).toEqual([
    [3, expect.objectContaining({ lagSeconds: shown })],
  ]);
});

test.each([
  [0, 0],
  [511, 0],
  [600, 1024],
  [120_394, 120_000],
  [1_234_567, 1_200_000],
  [7_654_321_098, 7_700_000_000],
])("%i bytes are shown as %i", (bytes, shown) => {
  expect(watching().changes(measured(0, bytes))).toEqual([[3, expect.objectContaining({ lagBytes: shown })]]);
});
