import { loadProcess } from "../load/load-process.ts";
import type { LoadResult } from "../load/options.ts";
import type { DisroomTarget } from "../targets/disroom.ts";
import type { Target } from "../targets/target.ts";
import type { Variant } from "../targets/variants.ts";
import { roomNames, textBytes, type Workload } from "../workloads.ts";

/** One run of one workload against one service. */
export type Run = {
  readonly variant: string;
  readonly round: number;
  readonly result?: LoadResult;
  /** What DisRoom itself counted. */
  readonly counters?: Readonly<Record<string, number>>;
  /** Why it counts as failed. */
  readonly failure?: string;
};

export type RunTimes = { readonly warmup: number; readonly seconds: number };

/** Starts the service anew, runs the workload, and stops it. What fails is told in the result. */
export async function runOnce(
  workload: Workload,
  variant: Variant,
  round: number,
  times: RunTimes,
): Promise<Run> {
  const about = { variant: variant.id, round };
  let target: Target | undefined;
  try {
    target = await variant.start();
    const { rooms, members, senders, pace, joinsAtOnce } = workload;
    const result = await loadProcess({
      protocol: target.protocol,
      host: target.host,
      port: target.port,
      rooms: roomNames(rooms, "bench"),
      members,
      senders,
      textBytes,
      warmupSeconds: times.warmup,
      seconds: times.seconds,
      processes: target.processes,
      ...(pace !== undefined && { pace }),
      ...(joinsAtOnce !== undefined && { joinsAtOnce }),
    });
    const counters = isDisroom(target) ? await countersOf(target) : undefined;
    const failure = failureOf(result);
    return {
      ...about,
      result,
      ...(counters !== undefined && { counters }),
      ...(failure !== undefined && { failure }),
    };
  } catch (error) {
    return { ...about, failure: (error as Error).message };
  } finally {
    await target?.stop();
  }
}

export function failureOf({ checked, faults, lateness, messages }: LoadResult): string | undefined {
  const { lost, duplicated, disordered } = checked;
  if (lost + duplicated + disordered > 0) {
    return `${lost} lost, ${duplicated} duplicated, ${disordered} out of order: ${faults[0]}`;
  }
  if (faults.length > 0) return `${faults.length} faults: ${faults[0]}`;
  if (checked.messages > 0 && messages === 0) return "no message arrived in the time that counts";
  if (lateness !== undefined && lateness.skipped > 0)
    return `${lateness.skipped} messages could not be sent in time`;
  return undefined;
}

const isDisroom = (target: Target): target is DisroomTarget => "http" in target;

async function countersOf(target: DisroomTarget): Promise<Record<string, number>> {
  const batches = await target.sum("server", "disroom_batch_messages_count");
  const messages = await target.sum("server", "disroom_batch_messages_sum");
  const ofWorkers = async (name: string): Promise<number> =>
    target.sum("worker", `disroom_worker_${name}_total`);
  return {
    batches,
    messagesPerBatch: messages / batches,
    gapRepairs: await target.sum("server", "disroom_gap_repairs_total"),
    fenceRefusals: await ofWorkers("fence_refusals"),
    heldAlready: await ofWorkers("held_already"),
    redeliveries: await ofWorkers("redeliveries"),
    batchesReturned: await ofWorkers("batches_returned"),
  };
}
