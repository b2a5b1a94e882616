import { type Decision, decide, initialState, type Seen } from "../../../src/scaling/policy.ts";
import type { LagSample } from "../../../src/scaling/sample.ts";
import { settings, type Trace } from "../trace.ts";
import type { Policy } from "./policy.ts";

/** The operator's policy, with the samples that it would get; `record` gets each decision. */
export function ours(
  { samples }: Trace,
  record?: (time: number, seen: Seen, decision: Decision) => void,
): Policy {
  let state = initialState;
  let next = 0;
  let last: { time: number; storedBytes: number; busySeconds: number } | undefined;
  return {
    decide(time, pods, look) {
      const due = samples[next];
      if (due === undefined || time < due.at) return;
      next++;
      let sample: LagSample | undefined;
      if (look === undefined) last = undefined;
      else {
        const { lagSeconds, bytes, storedBytes, busySeconds } = look();
        const workers = pods.working(time);
        const seconds = last === undefined ? undefined : time - last.time;
        sample = {
          at: time * 1000,
          lagSeconds: lagSeconds * due.error,
          lagBytes: Math.round(bytes * due.error),
          workers,
          storedBytesPerSecond:
            last === undefined || seconds === undefined
              ? undefined
              : (storedBytes - last.storedBytes) / seconds,
          busy:
            last === undefined || seconds === undefined || workers === 0
              ? undefined
              : Math.min(1, (busySeconds - last.busySeconds) / (seconds * workers)),
        };
        last = { time, storedBytes, busySeconds };
      }
      const seen = { sample, asked: pods.asked, ready: pods.ready(time) };
      const decision = decide(settings, state, seen, time * 1000);
      state = decision.state;
      record?.(time, seen, decision);
      pods.ask(decision.workers, time);
    },
  };
}
