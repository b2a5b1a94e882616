import type { WorkDone, WorkerReport } from "../chat/report.ts";
import type { LagSample } from "./sample.ts";

/** The workers' reports of one moment, in milliseconds of a monotonic clock. */
export type WorkReported = { readonly at: number; readonly workers: readonly WorkerReport[] };

/** What workers did, as far as it can be told. */
export type Work = Pick<LagSample, "storedBytesPerSecond" | "busy">;

const untold: Work = { storedBytesPerSecond: undefined, busy: undefined };
const beginning: WorkDone = { upSeconds: 0, storedBytes: 0, slotSeconds: 0, threadSeconds: 0 };

/**
 * What the workers did between two moments. It can't be told where a worker reported only once, unless it started in
 * between: nobody knows what one that is gone has stored before it went.
 */
export function workBetween(before: WorkReported | undefined, after: WorkReported): Work {
  const seconds = (after.at - (before?.at ?? after.at)) / 1000;
  if (before === undefined || seconds <= 0 || after.workers.length === 0) return untold;
  const last = new Map(before.workers.map((report) => [report.id, report]));
  let bytes = 0;
  let busy = 0;
  for (const report of after.workers) {
    const start = last.get(report.id) ?? (report.upSeconds <= seconds ? beginning : undefined);
    if (start === undefined) return untold;
    last.delete(report.id);
    bytes += report.storedBytes - start.storedBytes;
    busy += busyShare(start, report);
  }
  if (last.size > 0) return untold;
  return { storedBytesPerSecond: bytes / seconds, busy: busy / after.workers.length };
}

/** Its thread may be what bounds a worker, or its slots: whichever was the busier. 0 to 1. */
function busyShare(before: WorkDone, after: WorkDone): number {
  const seconds = after.upSeconds - before.upSeconds;
  if (seconds <= 0) return 0;
  const used = Math.max(after.slotSeconds - before.slotSeconds, after.threadSeconds - before.threadSeconds);
  return Math.min(1, Math.max(0, used / seconds));
}
