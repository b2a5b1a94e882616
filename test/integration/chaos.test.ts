import { expect, test } from "vitest";
import { isBad, runChaos } from "../chaos/chaos.ts";
import { kindsNamed } from "../chaos/plan.ts";
import { report } from "../chaos/report.ts";
import { shortRun } from "../chaos/short-run.ts";

test("faults of servers, workers, NATS, Redis and the links between them cost no message", async () => {
  const lines: string[] = [];
  const kinds = kindsNamed(shortRun.kinds);
  const result = await runChaos({
    seed: shortRun.seed,
    faults: kinds.length,
    kinds,
    onLine: (line) => lines.push(line),
  });
  const accepted = [...result.history.messages.values()].filter(({ outcome }) => outcome === "accepted");
  expect(isBad(result), [...lines, ...report(result), `logs: ${result.folder}/logs`].join("\n")).toBe(false);
  expect(result.faults).toHaveLength(kinds.length);
  expect(accepted.length).toBeGreaterThan(500);
}, 240_000);
