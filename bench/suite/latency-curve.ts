import { loadProcess } from "../load/load-process.ts";
import type { LoadResult } from "../load/options.ts";
import { figure } from "../report/numbers.ts";
import type { Curve } from "../report/plot.ts";
import type { Section } from "../report/section.ts";
import type { Target } from "../targets/target.ts";
import type { Variant } from "../targets/variants.ts";
import { roomNames, textBytes } from "../workloads.ts";
import { failureOf, type RunTimes } from "./run.ts";

/** Messages a second in all. */
const rates = [300, 1000, 3000, 6000, 10_000, 20_000, 40_000, 80_000];
const shape = { rooms: 20, members: 10, senders: 10 };
/** Below this share of what was offered, a service does not keep up, and more load shows nothing new. */
const keepsUp = 0.9;
const textOf = "20 rooms of 10, all send";

type Point = {
  readonly variant: string;
  readonly offered: number;
  readonly result?: LoadResult;
  readonly failure?: string;
};

export type LatencyCurveOptions = RunTimes & {
  readonly variants: readonly Variant[];
  readonly say: (line: string) => void;
};

/** Latency against offered load, open loop: a fixed rate, latency counted from when a message was due. */
export async function latencyCurve(
  options: LatencyCurveOptions,
): Promise<{ section: Section; curves: Curve[] }> {
  const points: Point[] = [];
  const failures: string[] = [];
  for (const variant of options.variants) {
    try {
      points.push(...(await pointsOf(variant, options)));
    } catch (error) {
      failures.push(`curve, ${variant.id}: ${(error as Error).message}`);
    }
  }
  for (const { variant, offered, failure } of points) {
    if (failure !== undefined) failures.push(`curve, ${variant}, ${offered} messages/s: ${failure}`);
  }
  const titleOf = (id: string): string => options.variants.find((variant) => variant.id === id)?.title ?? id;
  return {
    section: {
      id: "curve",
      title: `latency against offered load, ${textOf}`,
      notes: [
        "open loop: latency counts from when a message was due, whatever the service and the generator do",
        "the generator's timer has whole milliseconds: at 500 messages/s and more it sends up to two late, which counts",
        `the line of a service ends at the first rate of which less than ${keepsUp * 100} % arrive in time`,
      ],
      columns: ["service", "offered/s", "arrived/s", "p50 ms", "p99 ms", "p99.9 ms", "generator late p50 ms"],
      rows: points.map(({ variant, offered, result, failure }) => [
        titleOf(variant),
        figure(offered),
        ...(result === undefined || failure !== undefined
          ? ["failed"]
          : [
              result.messages / result.seconds,
              ...[result.latency.p50, result.latency.p99, result.latency.p999],
              result.lateness?.p50 ?? Number.NaN,
            ].map(figure)),
      ]),
      failures,
      data: points,
    },
    curves: options.variants.map(({ id, title }) => ({
      title,
      points: points.flatMap(({ variant, offered, result, failure }) =>
        variant !== id || result === undefined || failure !== undefined
          ? []
          : [
              {
                offered,
                p50: result.latency.p50,
                p99: result.latency.p99,
                keepsUp: result.messages / result.seconds >= keepsUp * offered,
              },
            ],
      ),
    })),
  };
}

async function pointsOf(variant: Variant, { warmup, seconds, say }: LatencyCurveOptions): Promise<Point[]> {
  const points: Point[] = [];
  const target = await variant.start();
  try {
    for (const offered of rates) {
      const point = await pointAt(target, variant.id, offered, { warmup, seconds });
      points.push(point);
      const arrived = point.result === undefined ? 0 : point.result.messages / point.result.seconds;
      say(
        `curve, ${variant.title}, ${offered} messages/s: ${Math.round(arrived)} arrive, ` +
          (point.failure ? `FAILED: ${point.failure}` : `p50 ${figure(point.result?.latency.p50 ?? 0)} ms`),
      );
      if (point.failure !== undefined || arrived < keepsUp * offered) break;
    }
  } finally {
    await target.stop();
  }
  return points;
}

async function pointAt(target: Target, variant: string, offered: number, times: RunTimes): Promise<Point> {
  try {
    const result = await loadProcess({
      ...{ protocol: target.protocol, host: target.host, port: target.port, processes: target.processes },
      ...{ ...shape, rooms: roomNames(shape.rooms, `curve-${offered}`), textBytes },
      pace: { messagesPerSecond: offered },
      warmupSeconds: times.warmup,
      seconds: times.seconds,
    });
    const failure = failureOf(result);
    return { variant, offered, result, ...(failure !== undefined && { failure }) };
  } catch (error) {
    return { variant, offered, failure: (error as Error).message };
  }
}
