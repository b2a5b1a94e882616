import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { ingressStream, ingressSubject } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { figure } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";
import { fullBatches } from "../scaling/full-batches.ts";
import { SlowWorker } from "../scaling/slow-worker.ts";
import { StoredCheck } from "../scaling/stored-check.ts";
import { startStore } from "../targets/store.ts";

const partitions = 16;
const workerCounts = [1, 2, 4, 8, 16];
const warmup = 1;
/** What a worker may lose by others being there too. */
const tolerance = 0.1;
/** How long what is left may take once workers don't wait any more, in milliseconds. */
const drainLimit = 60_000;

export type WorkerScalingOptions = {
  readonly stepTime: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
};

type ScalingRun = {
  readonly workers: number;
  readonly batchesPerSecond?: number;
  readonly fenceRefusals?: number;
  readonly returnedPerBatch?: number;
  readonly failure?: string;
};

/** Workers with one slot and a routing step of a fixed time: so many workers, so much work. */
export async function workerScaling(options: WorkerScalingOptions): Promise<Section> {
  const runs: ScalingRun[] = [];
  const rows: string[][] = [];
  for (const workers of workerCounts) {
    let run: ScalingRun;
    try {
      run = await runOne(workers, options);
    } catch (error) {
      run = { workers, failure: (error as Error).message };
    }
    const each = (run.batchesPerSecond ?? Number.NaN) / workers;
    const ratio = each / (runs[0]?.batchesPerSecond ?? run.batchesPerSecond ?? Number.NaN);
    if (run.failure === undefined && !(ratio >= 1 - tolerance)) {
      run = { ...run, failure: `a worker does ${figure(ratio)} of what one alone does` };
    }
    runs.push(run);
    const figures = [
      run.batchesPerSecond ?? Number.NaN,
      each,
      ratio,
      run.fenceRefusals ?? Number.NaN,
      run.returnedPerBatch ?? Number.NaN,
    ];
    rows.push([String(workers), ...figures.map(figure), run.failure === undefined ? "yes" : "**no**"]);
    options.say(
      `scaling, ${workers} workers: ${figure(each)} batches/s each${run.failure ? `, FAILED: ${run.failure}` : ""}`,
    );
  }
  return {
    id: "scaling",
    title: `workers with one slot each and a routing step of ${options.stepTime} ms, full batches, all ${partitions} partitions busy`,
    notes: [
      `a worker counts as scaling when it does at least ${100 - tolerance * 100} % of what one alone does, in order, nothing lost`,
    ],
    columns: [
      "workers",
      "full batches/s",
      "each worker",
      "ratio to one",
      "fence refusals",
      "given back for each stored",
      "scales",
    ],
    rows,
    failures: runs.flatMap(({ workers, failure }) =>
      failure ? [`scaling, ${workers} workers: ${failure}`] : [],
    ),
    data: { ...options, runs },
  };
}

async function runOne(workers: number, { stepTime, seconds }: WorkerScalingOptions): Promise<ScalingRun> {
  const store = await startStore(false);
  const { natsUrl } = store;
  const nats = await connectNats(natsUrl, "bench", createLog("bench", "error"));
  const running: SlowWorker[] = [];
  try {
    const batches = fullBatches(nats, partitions);
    const check = new StoredCheck(nats, batches);
    // One batch of a partition is handed out at a time, so that none can be emptied before the end.
    await batches.fill(Math.ceil(((warmup + seconds) * 1000) / stepTime) + 3);
    for (let number = 0; number < workers; number++) {
      running.push(await SlowWorker.start({ natsUrl, partitions, slots: 1, step: () => delay(stepTime) }));
    }
    await delay(warmup * 1000);
    const total = (of: (worker: SlowWorker) => number): number =>
      running.reduce((sum, worker) => sum + of(worker), 0);
    const counted = () => ({
      time: performance.now(),
      batches: total((worker) => worker.done.length),
      fenceRefusals: total((worker) => worker.fenceRefusals),
      returned: total((worker) => worker.returned),
    });
    const before = counted();
    await delay(seconds * 1000);
    const after = counted();
    const empty = await emptyPartitions(nats);
    // What is left is stored by a worker that nothing holds up.
    await Promise.all(running.map((worker) => worker.stop()));
    running.push(await SlowWorker.start({ natsUrl, partitions, slots: partitions, step: async () => {} }));
    const deadline = performance.now() + drainLimit;
    while (!check.isComplete && performance.now() < deadline) await delay(50);
    const failure = check.isComplete ? check.faults[0] : "not everything was stored";
    const emptied = empty === 0 ? undefined : `${empty} partitions were empty at the end`;
    return {
      workers,
      batchesPerSecond: running.reduce((sum, { done }) => sum + rateOf(done, before.time, after.time), 0),
      fenceRefusals: after.fenceRefusals - before.fenceRefusals,
      returnedPerBatch: (after.returned - before.returned) / (after.batches - before.batches),
      ...((failure ?? emptied) !== undefined && { failure: failure ?? emptied ?? "" }),
    };
  } finally {
    await Promise.all(running.map((worker) => worker.stop()));
    await nats.close();
    await store.stop();
  }
}

/** From the first to the last that was done in this time: a worker does few, and a part of one is not to count. */
function rateOf(done: readonly number[], from: number, to: number): number {
  const within = done.filter((time) => time >= from && time <= to);
  const [first, last] = [within[0] ?? 0, within.at(-1) ?? 0];
  return within.length < 2 ? 0 : (within.length - 1) / ((last - first) / 1000);
}

async function emptyPartitions(nats: Awaited<ReturnType<typeof connectNats>>): Promise<number> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const { state } = await manager.streams.info(ingressStream, {
    subjects_filter: ingressSubject(0).replace(/0$/, "*"),
  });
  return partitions - Object.keys(state.subjects ?? {}).length;
}
