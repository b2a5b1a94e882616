import { expect, test } from "vitest";
import { isBad, runChaos } from "../chaos/chaos.ts";
import { kindsNamed } from "../chaos/plan.ts";
import { report } from "../chaos/report.ts";

/** Those that find the most in the least time; `make chaos` has them all. */
const kinds = kindsNamed(
  "kill-server,freeze-server,kill-worker,freeze-worker,silent-worker-nats,one-way-worker-nats," +
    "cut-server-nats,silent-server-nats,kill-nats,isolate-nats,step-down,kill-redis,full-disk-nats,full-queue",
);

test("faults of servers, workers, NATS, Redis and the links between them cost no message", async () => {
  const lines: string[] = [];
  // With this seed, what a worker could not send for seconds arrives after another has stored its batch.
  const result = await runChaos({
    seed: 2971,
    faults: kinds.length,
    kinds,
    onLine: (line) => lines.push(line),
  });
  const accepted = [...result.history.messages.values()].filter(({ outcome }) => outcome === "accepted");
  expect(isBad(result), [...lines, ...report(result), `logs: ${result.folder}/logs`].join("\n")).toBe(false);
  expect(result.faults).toHaveLength(kinds.length);
  expect(accepted.length).toBeGreaterThan(500);
}, 240_000);
