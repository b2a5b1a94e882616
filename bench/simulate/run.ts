import { Pods } from "./pods.ts";
import type { Policy } from "./policies/policy.ts";
import { Queue } from "./queue.ts";
import { settings, step, type Trace } from "./trace.ts";

/** What came of a trace under one policy. */
export type Outcome = {
  readonly secondsOverTarget: number;
  readonly longestLagSeconds: number;
  /** Of all pods that were asked for, ready or not. */
  readonly workerSeconds: number;
  /** How often the number changed. */
  readonly changes: number;
};

/** How many steps pass between two looks at whether a run is decided. */
const decidedEvery = 100;

/** A point of what happened, for charts. */
export type Point = { readonly time: number; readonly lagSeconds: number; readonly workers: number };

/** Runs a trace; `record` gets every step. Ends early when `isDecided` says so of what there is so far. */
export function run(
  trace: Trace,
  policy: Policy,
  workersAtStart: number,
  record?: (point: Point) => void,
  isDecided?: (soFar: Outcome) => boolean,
): Outcome {
  const queue = new Queue(trace);
  const pods = new Pods(trace.startTimes, trace.startsCold ? 0 : workersAtStart);
  pods.ask(workersAtStart, 0);
  const hangs = [...trace.hangs];
  let secondsOverTarget = 0;
  let longestLagSeconds = 0;
  let workerSeconds = 0;
  let changes = 0;
  for (let index = 0; index < trace.arrivals.length; index++) {
    const time = index * step;
    if (hangs[0] !== undefined && time >= hangs[0]) {
      hangs.shift();
      queue.hang(pods.working(time));
      pods.hang(time);
    }
    const before = pods.asked;
    const isGap = trace.gap !== undefined && time >= trace.gap.from && time < trace.gap.to;
    policy.decide(time, pods, isGap ? undefined : () => queue.look());
    if (pods.asked !== before) changes++;
    queue.advance(pods.working(time));
    const { lagSeconds } = queue;
    if (lagSeconds > settings.lag.targetSeconds) secondsOverTarget += step;
    if (lagSeconds > longestLagSeconds) longestLagSeconds = lagSeconds;
    workerSeconds += pods.asked * step;
    if (index % decidedEvery === 0) {
      if (isDecided?.({ secondsOverTarget, longestLagSeconds, workerSeconds, changes })) break;
    }
    record?.({ time, lagSeconds, workers: pods.asked });
  }
  return { secondsOverTarget, longestLagSeconds, workerSeconds, changes };
}
