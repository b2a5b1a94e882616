import type { LoadResult } from "../load/options.ts";
import { figure, mebibytes, median, percent, spread, sumOf } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";
import type { Variant } from "../targets/variants.ts";
import type { Measure, Workload } from "../workloads.ts";
import type { Run } from "./run.ts";

type Column = { readonly head: string; of(results: readonly LoadResult[]): string };

const medianOf =
  (value: (result: LoadResult) => number) =>
  (results: readonly LoadResult[]): string =>
    figure(median(results.map(value)));

const serviceCpu = ({ cpuSeconds }: LoadResult): number => sumOf(cpuSeconds);
const generatorShare = (result: LoadResult): number =>
  result.generatorCpuSeconds / (result.generatorCpuSeconds + serviceCpu(result));
/** What CPU time was measured over: the messages' time, or the joins' where there are none. */
const elapsed = ({ seconds, joins }: LoadResult): number => seconds || joins.seconds;
const joinRate = ({ joins }: LoadResult): number => joins.count / joins.seconds;

/** Bytes that a connection takes of the process that holds it, and of all processes together. */
function bytesPerConnection({ memory, joins }: LoadResult, of: "server" | "all"): number {
  const grown = Object.entries(memory)
    .filter(([name]) => of === "all" || name.startsWith("server"))
    .map(([, { empty, joined }]) => joined - empty);
  return grown.reduce((sum, bytes) => sum + bytes, 0) / joins.count;
}

const messaging: readonly Column[] = [
  { head: "messages/s", of: medianOf(({ messages, seconds }) => messages / seconds) },
  { head: "deliveries/s", of: medianOf(({ deliveries, seconds }) => deliveries / seconds) },
  { head: "p50 ms", of: medianOf(({ latency }) => latency.p50) },
  { head: "p99 ms", of: medianOf(({ latency }) => latency.p99) },
  { head: "p99.9 ms", of: medianOf(({ latency }) => latency.p999) },
  {
    head: "CPU s per million deliveries",
    of: medianOf((result) => serviceCpu(result) / (result.deliveries / 1e6)),
  },
];
const memory: readonly Column[] = [
  { head: "KiB per connection", of: medianOf((result) => bytesPerConnection(result, "server") / 1024) },
  { head: "in all processes", of: medianOf((result) => bytesPerConnection(result, "all") / 1024) },
];
const joining: readonly Column[] = [
  { head: "joins/s", of: medianOf(joinRate) },
  {
    head: "CPU s per thousand joins",
    of: medianOf((result) => serviceCpu(result) / (result.joins.count / 1000)),
  },
];
const always: readonly Column[] = [
  { head: "cores, service", of: medianOf((result) => serviceCpu(result) / elapsed(result)) },
  { head: "generator", of: medianOf((result) => result.generatorCpuSeconds / elapsed(result)) },
  { head: "generator's share", of: (results) => percent(median(results.map(generatorShare))) },
  { head: "peak MiB", of: medianOf(({ memory }) => sumOf(peaksOf(memory)) / 2 ** 20) },
];

const columnsOf: Record<Measure, readonly Column[]> = {
  throughput: [...messaging, ...always],
  latency: [...messaging, ...always],
  memory: [...memory, ...messaging, ...always],
  joins: [...joining, ...always],
};

/** What the ratio is of. Where less is better, it is the other way round: above 1, DisRoom is better. */
const ratioOf: Record<Measure, { readonly what: string; value(result: LoadResult): number }> = {
  throughput: { what: "deliveries/s", value: ({ deliveries, seconds }) => deliveries / seconds },
  latency: { what: "1 / p50", value: ({ latency }) => 1 / latency.p50 },
  memory: { what: "1 / (bytes per connection)", value: (result) => 1 / bytesPerConnection(result, "server") },
  joins: { what: "joins/s", value: joinRate },
};

export function comparisonSection(
  workload: Workload,
  variants: readonly Variant[],
  runs: readonly Run[],
): Section {
  const columns = columnsOf[workload.measure];
  const ratio = ratioOf[workload.measure];
  const isCounted = runs.some(({ counters }) => counters !== undefined);
  const goodOf = (id: string): LoadResult[] =>
    runs.flatMap(({ variant, result, failure }) => (variant === id && result && !failure ? [result] : []));
  const rows = variants.map(({ id, title }) => {
    const own = runs.filter(({ variant }) => variant === id);
    const good = goodOf(id);
    return [
      title,
      ...columns.map(({ of }) => (good.length === 0 ? "failed" : of(good))),
      ...(isCounted ? [counter(own, "messagesPerBatch"), counter(own, "fenceRefusals")] : []),
      id === "ngircd" ? "1" : spread(ratios(runs, id, ratio.value)),
      own.length === good.length ? `${good.length} of ${own.length}` : `**${good.length} of ${own.length}**`,
    ];
  });
  return {
    id: workload.id,
    title: workload.title,
    notes: [
      `the ratio is of ${ratio.what}, round by round: its median, least and greatest`,
      "medians of the good rounds; the last column says how many were, every delivery checked",
      "what opens a window and ends a latency: the sender's echo in DisRoom, the delivery to one other member in IRC",
      ...variants.map(({ id, title }) => peaks(title, goodOf(id))),
    ],
    columns: [
      "service",
      ...columns.map(({ head }) => head),
      ...(isCounted ? ["messages per batch", "fence refusals"] : []),
      "ratio to ngIRCd",
      "good runs",
    ],
    rows,
    failures: runs.flatMap(({ variant, round, failure }) =>
      failure === undefined ? [] : [`${workload.id}, ${variant}, round ${round}: ${failure}`],
    ),
    data: { workload, runs },
  };
}

/** Each round's figure by that of ngIRCd in the same round, where both went well. */
function ratios(runs: readonly Run[], variant: string, value: (result: LoadResult) => number): number[] {
  return runs.flatMap(({ variant: id, round, result, failure }) => {
    if (id !== variant || result === undefined || failure !== undefined) return [];
    const other = runs.find((run) => run.variant === "ngircd" && run.round === round && !run.failure)?.result;
    return other === undefined ? [] : [value(result) / value(other)];
  });
}

const counter = (runs: readonly Run[], name: string): string =>
  figure(median(runs.map(({ counters }) => counters?.[name] ?? Number.NaN)));

const peaksOf = (memory: LoadResult["memory"]): Record<string, number> =>
  Object.fromEntries(Object.entries(memory).map(([name, { peak }]) => [name, peak]));

/** The peak of each process, the largest of all rounds. */
function peaks(title: string, results: readonly LoadResult[]): string {
  const names = Object.keys(results[0]?.memory ?? {});
  const each = names.map(
    (name) => `${name} ${mebibytes(Math.max(...results.map(({ memory }) => memory[name]?.peak ?? 0)))}`,
  );
  return `peak MiB by process, ${title}: ${each.join(", ")}`;
}
