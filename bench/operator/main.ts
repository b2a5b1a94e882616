// The operator with many ChatClusters, on a real control plane: `make bench-operator`, or a smaller one,
// `make bench-operator ARGS="--clusters 200"`.

import { kubernetesBinary } from "../../kube/system/binaries.ts";
import { readSettings, UsageError } from "../../src/platform/settings.ts";
import { optionsText } from "../options-text.ts";
import { BenchReport } from "../report/bench-report.ts";
import { describeMachine } from "../report/machine.ts";
import { measureOperator } from "./phases.ts";
import { changesSection, requestsSection, slowestSection, startsSection, steadySection } from "./sections.ts";
import { operatorBenchSettings } from "./settings.ts";

const whenWell = "Nothing failed: all aims were met.";

async function main(args: string[]): Promise<void> {
  const settings = readSettings(operatorBenchSettings, args, {});
  if (settings.help) return console.log(optionsText(operatorBenchSettings));
  const machine = describeMachine("bench-operator", args, {
    kubernetes: [kubernetesBinary("kube-apiserver"), "--version"],
    etcd: [kubernetesBinary("etcd"), "--version"],
  });
  const folder =
    settings.results || (args.length === 0 ? "bench/results/operator" : "bench/results/partial/operator");
  const report = new BenchReport(folder, machine, whenWell);
  await measureOperator(settings, {
    say: (line) => console.log(line),
    onLife: (result) => {
      for (const section of [startsSection, requestsSection, steadySection]) report.add(section(result));
    },
    onChanges: (result) => {
      for (const section of [changesSection, slowestSection]) report.add(section(result));
    },
  });
  console.log(`Written to ${folder}`);
  for (const failure of report.failures) console.log(`FAILED: ${failure}`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

// What runs is ended and removed on the way out.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench-operator: ${error instanceof UsageError ? error.message : (error as Error).stack}`);
  process.exitCode = 1;
}
