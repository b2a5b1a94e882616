import { parseArgs } from "node:util";
import { furtherMutants, quickMutants } from "./mutants.ts";
import { runCopy } from "./mutated-copy.ts";
import { shortRun } from "./short-run.ts";

/** How reliably chaos finds what is wrong, from the command line. */

const usage = `Runs chaos on copies of the sources, each with one thing taken out on which exactness rests, and says
what every run has found. Fails when one did not find what it should.

  --short           the run that is part of the tests, and the mutants that it finds; else each mutant has its own
  --only WORD       only mutants with this word in their names
  --times N         each run so many times (1)
`;

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    times: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit();
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

const { seed: shortSeed, kinds } = shortRun;
const mutants = (values.short ? quickMutants : [...quickMutants, ...furtherMutants]).filter(({ name }) =>
  name.includes(values.only),
);
if (mutants.length === 0) throw new Error(`no mutant has ${values.only} in its name`);
if (!(Number(values.times) >= 1)) throw new Error(`--times takes a whole number, not ${values.times}`);
for (const mutant of mutants) {
  const { name, finds, seeds } = mutant;
  const args = values.short ? `--kinds ${kinds} --faults ${kinds.split(",").length}` : mutant.args;
  for (const seed of values.short ? [shortSeed] : seeds) {
    for (let time = 0; time < Number(values.times) && !stop.signal.aborted; time++) {
      const { found, output } = await runCopy(mutant, `--seed ${seed} ${args}`, stop.signal);
      if (stop.signal.aborted) break;
      const counts = [...(found ?? [])].filter(([, count]) => count > 0);
      const told = counts.map(([kind, count]) => `${count} ${kind}`).join(", ") || "nothing";
      process.stdout.write(`without ${name}, seed ${seed}: ${told}\n`);
      if (counts.some(([kind]) => finds.includes(kind))) continue;
      process.stdout.write(`that is not what should be found: ${finds.join(" or ")}\n${output}\n`);
      process.exitCode = 1;
    }
  }
}
if (stop.signal.aborted) {
  process.stdout.write("broken off\n");
  process.exitCode = 130;
}
