import { parseArgs } from "node:util";
import { say, stopOnSignal, unlessBrokenOff, wholeNumber } from "./command-line.ts";
import { furtherMutants, type Mutant, quickMutants } from "./mutants.ts";
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
const signal = stopOnSignal();
const times = wholeNumber("times", values.times, 1);
const { seed: shortSeed, kinds } = shortRun;
const mutants = (values.short ? quickMutants : [...quickMutants, ...furtherMutants]).filter(({ name }) =>
  name.includes(values.only),
);
if (mutants.length === 0) throw new Error(`no mutant has ${values.only} in its name`);
await unlessBrokenOff(signal, async () => {
  for (const mutant of mutants) {
    const args = values.short ? `--kinds ${kinds} --faults ${kinds.split(",").length}` : mutant.args;
    for (const seed of values.short ? [shortSeed] : mutant.seeds) {
      for (let time = 0; time < times; time++) await runOnce(mutant, seed, args);
    }
  }
});

async function runOnce(mutant: Mutant, seed: number, args: string): Promise<void> {
  const { name, finds } = mutant;
  const { found, output } = await runCopy(mutant, `--seed ${seed} ${args}`, signal);
  signal.throwIfAborted();
  const counts = [...(found ?? [])].filter(([, count]) => count > 0);
  say(
    `without ${name}, seed ${seed}: ${counts.map(([kind, count]) => `${count} ${kind}`).join(", ") || "nothing"}`,
  );
  if (counts.some(([kind]) => finds.includes(kind))) return;
  say(`that is not what should be found: ${finds.join(" or ")}\n${output}`);
  process.exitCode = 1;
}
