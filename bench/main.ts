// DisRoom and ngIRCd side by side, and what is under DisRoom by itself: `make bench`, or a selection of it,
// `make bench ARGS="--workloads A,B --rounds 3 --seconds 10"`.

import { findBinaries } from "../src/local/binaries.ts";
import { readSettings, UsageError } from "../src/platform/settings.ts";
import { optionsText } from "./options-text.ts";
import { BenchReport } from "./report/bench-report.ts";
import { describeMachine } from "./report/machine.ts";
import { type BenchSettings, benchSettings, type SectionId, sections } from "./settings.ts";
import { coldHistory } from "./suite/cold-history.ts";
import { compare } from "./suite/compare.ts";
import { hotPartition } from "./suite/hot-partition.ts";
import { latencyCurve } from "./suite/latency-curve.ts";
import { limits } from "./suite/limits.ts";
import type { Run } from "./suite/run.ts";
import { workerScaling } from "./suite/worker-scaling.ts";
import { findNgircd } from "./targets/ngircd.ts";
import { type Variant, variants } from "./targets/variants.ts";
import { type Workload, workloads } from "./workloads.ts";

const whenWell = "Nothing failed: every member got every message once and in order in every run.";
const say = (line: string): void => console.log(line);

function chosenVariants({ only, variants: given }: BenchSettings): readonly Variant[] {
  const named = given === "" ? undefined : given.split(",");
  const unknown = named?.find((id) => !variants.some((variant) => variant.id === id));
  if (unknown !== undefined) throw new UsageError(`--variants: there is no ${unknown}`);
  return variants.filter(({ id }) =>
    id === "ngircd" ? only !== "disroom" : only !== "ngircd" && (named?.includes(id) ?? true),
  );
}

async function main(args: string[]): Promise<void> {
  const settings = readSettings(benchSettings, args, {});
  if (settings.help) return console.log(optionsText(benchSettings));
  const chosen = chosenVariants(settings);
  const isWhole =
    settings.workloads.length === sections.length && settings.only === "both" && settings.variants === "";
  const folder = settings.results || (isWhole ? "bench/results" : "bench/results/partial");
  const { natsServer, redisServer } = findBinaries();
  const machine = describeMachine("bench", args, {
    nats: [natsServer, "--version"],
    redis: [redisServer, "--version"],
    ngircd: [findNgircd(), "--version"],
  });
  const report = new BenchReport(folder, machine, whenWell);
  const runs = new Map<string, readonly Run[]>();
  for (const id of settings.workloads as readonly SectionId[]) {
    await measure(id, settings, chosen, runs, report);
  }
  say(`Written to ${folder}`);
  for (const failure of report.failures) say(`FAILED: ${failure}`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

/** Memory differs little from run to run, and to let so many join takes long. */
const roundsOf = ({ measure }: Workload, rounds: number): number =>
  measure === "memory" ? Math.ceil(rounds / 3) : rounds;

async function measure(
  id: SectionId,
  settings: BenchSettings,
  chosen: readonly Variant[],
  runs: Map<string, readonly Run[]>,
  report: BenchReport,
): Promise<void> {
  const { rounds, seconds, warmup, only } = settings;
  const workload = workloads.find((one) => one.id === id);
  if (workload !== undefined) {
    const compared = await compare(workload, {
      rounds: roundsOf(workload, rounds),
      seconds,
      warmup,
      variants: chosen,
      say,
    });
    runs.set(id, compared.runs);
    return report.add(compared.section);
  }
  if (id === "curve") {
    const compared = chosen.filter((variant) => ["ngircd", "no-fsync", "fsync"].includes(variant.id));
    const { section, curves } = await latencyCurve({ seconds, warmup, variants: compared, say });
    report.plot(curves);
    return report.add(section);
  }
  // The others are of DisRoom alone.
  if (only === "ngircd") return;
  if (id === "G") return report.add(await coldHistory(settings.historyRooms, settings.historyMessages, say));
  if (id === "H") {
    const ids = chosen.map((variant) => variant.id);
    return report.add(await hotPartition({ seconds: settings.hotSeconds, warmup, variants: ids, say }));
  }
  if (id === "scaling") {
    return report.add(await workerScaling({ stepTime: settings.stepTime, seconds, say }));
  }
  return report.add(await limits({ seconds, runs, say }));
}

// What runs is ended and removed on the way out.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench: ${error instanceof UsageError ? error.message : (error as Error).stack}`);
  process.exitCode = 1;
}
