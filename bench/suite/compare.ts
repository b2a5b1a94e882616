import type { Section } from "../report/section.ts";
import type { Variant } from "../targets/variants.ts";
import type { Workload } from "../workloads.ts";
import { comparisonSection } from "./comparison-section.ts";
import { type Run, type RunTimes, runOnce } from "./run.ts";

export type CompareOptions = RunTimes & {
  readonly rounds: number;
  readonly variants: readonly Variant[];
  readonly say: (line: string) => void;
};

/** Runs a workload against all services in turns, so that whatever else the machine does meets all of them. */
export async function compare(
  workload: Workload,
  options: CompareOptions,
): Promise<{ section: Section; runs: Run[] }> {
  const { rounds, variants, say } = options;
  const chosen = variants.filter(({ id }) => workload.variants.includes(id));
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? chosen : [...chosen].reverse();
    for (const variant of order) {
      const run = await runOnce(workload, variant, round, options);
      runs.push(run);
      say(`${workload.id}, round ${round}, ${variant.title}: ${oneLine(run)}`);
    }
  }
  return { section: comparisonSection(workload, chosen, runs), runs };
}

function oneLine({ result, failure }: Run): string {
  if (result === undefined) return `FAILED: ${failure}`;
  const { seconds, messages, deliveries, latency, joins } = result;
  const figures =
    messages === 0
      ? `${Math.round(joins.count / joins.seconds)} joins/s`
      : `${Math.round(messages / seconds)} messages/s, ${Math.round(deliveries / seconds)} deliveries/s, ` +
        `p50 ${latency.p50.toFixed(1)} ms`;
  return failure === undefined ? figures : `${figures}, FAILED: ${failure}`;
}
