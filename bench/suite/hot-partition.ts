import { setTimeout as delay } from "node:timers/promises";
import { loadProcess } from "../load/load-process.ts";
import type { LoadResult } from "../load/options.ts";
import { metricSum, queueBacklog } from "../measure/metrics.ts";
import { figure, median } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";
import { type DisroomTarget, startDisroom } from "../targets/disroom.ts";
import { hotLoad, hotRoomNames, textBytes } from "../workloads.ts";
import { failureOf } from "./run.ts";

/** How often the backlog is sampled, in milliseconds. */
const sampleInterval = 500;

export type HotPartitionOptions = {
  readonly seconds: number;
  readonly warmup: number;
  /** Ids of variants; those with other servers or workers are none of this. */
  readonly variants: readonly string[];
  readonly say: (line: string) => void;
};

/** What waits in the queue at one moment. */
type Sample = {
  readonly second: number;
  readonly batches: number;
  readonly bytes: number;
  /** Age of the oldest, as workers see it every two seconds. */
  readonly oldestSeconds: number;
};

type HotRun = {
  readonly variant: string;
  readonly servers: number;
  readonly samples: readonly Sample[];
  readonly result?: LoadResult;
  readonly failure?: string;
};

const setups = [
  { id: "no-fsync", title: "no fsync", sync: false, nats: 1 },
  { id: "fsync", title: "fsync", sync: true, nats: 1 },
  { id: "nats3", title: "3 NATS nodes, no fsync", sync: false, nats: 3 },
  { id: "nats3-fsync", title: "3 NATS nodes, fsync", sync: true, nats: 3 },
];

/** H: one partition takes all there is, from more and more servers; what waits in the queue must not grow. */
export async function hotPartition(options: HotPartitionOptions): Promise<Section> {
  const runs: HotRun[] = [];
  const rows: string[][] = [];
  for (const setup of setups.filter(({ id }) => options.variants.includes(id))) {
    for (const servers of [1, 3, 6]) {
      const run = await runOne(setup, servers, options);
      runs.push(run);
      const row = [`DisRoom, ${setup.title}`, `${servers}`, ...cells(run)];
      rows.push(row);
      options.say(`H, ${row.join(", ")}${run.failure === undefined ? "" : `, FAILED: ${run.failure}`}`);
    }
  }
  return {
    id: "H",
    title: `one hot partition, ${options.seconds} s: ${hotLoad.rooms} rooms of ${hotLoad.members}, all send, ${hotLoad.pace.window} messages open each`,
    notes: [
      `what waits in the queue, sampled every ${sampleInterval} ms; it is flat when the last third's mean is not above the middle third's by more than a half and two batches a server`,
    ],
    columns: [
      ...["service", "servers", "messages/s", "p50 ms", "p99 ms"],
      ...["batches waiting, middle third", "last third", "most", "most MiB", "oldest s", "backlog"],
    ],
    rows,
    failures: runs.flatMap(({ variant, servers, failure }) =>
      failure === undefined ? [] : [`H, ${variant}, ${servers} servers: ${failure}`],
    ),
    data: { load: hotLoad, runs },
  };
}

async function runOne(
  { id, sync, nats }: (typeof setups)[number],
  servers: number,
  { seconds, warmup }: HotPartitionOptions,
): Promise<HotRun> {
  const about = { variant: id, servers };
  const samples: Sample[] = [];
  let target: DisroomTarget | undefined;
  const over = new AbortController();
  try {
    target = await startDisroom({ sync, nats, servers });
    const sampled = sample(target, samples, over.signal).then(
      () => undefined,
      (error: Error) => error,
    );
    const { rooms, members, senders, pace } = hotLoad;
    const result = await loadProcess({
      ...{
        protocol: "chat",
        host: target.host,
        port: target.port,
        members,
        senders,
        pace,
        textBytes,
        seconds,
      },
      rooms: hotRoomNames(rooms, "hot"),
      warmupSeconds: warmup,
      processes: target.processes,
    });
    over.abort();
    const problem = await sampled;
    if (problem !== undefined) throw problem;
    const failure = failureOf(result) ?? (isFlat(samples, servers) ? undefined : "the backlog grew");
    return { ...about, samples, result, ...(failure !== undefined && { failure }) };
  } catch (error) {
    return { ...about, samples, failure: (error as Error).message };
  } finally {
    over.abort();
    await target?.stop();
  }
}

/** Samples while messages wait or flow: what was before the first of them and after the last is left out. */
async function sample({ http }: DisroomTarget, samples: Sample[], signal: AbortSignal): Promise<void> {
  const started = performance.now();
  while (!signal.aborted) {
    const { batches, bytes } = await queueBacklog(http["nats-1"] ?? "");
    const oldestSeconds = await metricSum(http["worker-1"] ?? "", "disroom_queue_lag_seconds");
    samples.push({ second: (performance.now() - started) / 1000, batches, bytes, oldestSeconds });
    await delay(sampleInterval, undefined, { signal }).catch(() => {});
  }
  const busy = samples.map(({ batches }) => batches > 0);
  samples.splice(busy.lastIndexOf(true) + 1);
  samples.splice(0, Math.max(0, busy.indexOf(true)));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function thirds(samples: readonly Sample[]): { middle: number; last: number } {
  const third = Math.floor(samples.length / 3);
  const batches = samples.map((one) => one.batches);
  return { middle: mean(batches.slice(third, 2 * third)), last: mean(batches.slice(2 * third)) };
}

function isFlat(samples: readonly Sample[], servers: number): boolean {
  const { middle, last } = thirds(samples);
  return last <= middle * 1.5 + 2 * servers;
}

function cells({ samples, servers, result }: HotRun): string[] {
  const { middle, last } = thirds(samples);
  const most = (of: (one: Sample) => number): number =>
    Math.max(0, ...samples.map(of).filter(Number.isFinite));
  const load =
    result === undefined
      ? ["failed", "failed", "failed"]
      : [result.messages / result.seconds, result.latency.p50, result.latency.p99].map(figure);
  return [
    ...load,
    ...[middle, last, most((one) => one.batches), most((one) => one.bytes) / 2 ** 20].map(figure),
    figure(median([most((one) => one.oldestSeconds)])),
    isFlat(samples, servers) ? "flat" : "**grows**",
  ];
}
