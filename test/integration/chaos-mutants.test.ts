import { describe, expect, test } from "vitest";
import { quickMutants } from "../chaos/mutants.ts";
import { runCopy } from "../chaos/mutated-copy.ts";

// A checker that cannot fail proves nothing. The runs wait most of the time, so they go on side by side.
describe.concurrent("chaos finds what is wrong", () => {
  for (const mutant of quickMutants) {
    const { name, finds, args, seeds } = mutant;
    test(`without ${name}`, { timeout: 400_000 }, async ({ signal }) => {
      const outputs: string[] = [];
      for (const seed of seeds) {
        const { found, output } = await runCopy(mutant, `--seed ${seed} ${args}`, signal);
        if (finds.some((kind) => (found?.get(kind) ?? 0) > 0)) return;
        outputs.push(output);
      }
      expect.fail(`no run found a message ${finds.join(" or ")}:\n${outputs.join("\n")}`);
    });
  }
});
