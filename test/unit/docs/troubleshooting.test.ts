import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** What a condition may say that is as it should be. */
const wellReasons = new Set(["AllReady", "Measured", "Reconciled", "Settled"]);

const sources = [
  "src/operator/reconciler.ts",
  "src/operator/nats/provide.ts",
  "src/scaling/lag-unknown.ts",
  ...globSync("src/operator/status/{describe,workload,lag}.ts"),
];

/** Reasons of conditions as the code has them: `reason: "Missing"`, and unions of them as a type. */
const reasons = new Set(
  sources.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/reason: ("\w+"(?: \| "\w+")*)/g)].flatMap(([, names = ""]) =>
      names.split(" | ").map((name) => name.slice(1, -1)),
    ),
  ),
);

test("reasons are found", () => {
  for (const each of ["CannotShrink", "StreamsRefused", "QueueSilent", "RolloutStuck", "Measured", "Paused"])
    expect(reasons).toContain(each);
});

test.each([...reasons].filter((reason) => !wellReasons.has(reason)))(
  "docs/troubleshooting.md tells what %s means",
  (reason) => {
    expect(readFileSync("docs/troubleshooting.md", "utf8")).toContain(`\`${reason}\``);
  },
);
