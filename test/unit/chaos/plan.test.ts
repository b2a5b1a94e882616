import { expect, test } from "vitest";
import { faultKinds, kindsFor, kindsNamed, planFaults } from "../../chaos/plan.ts";
import { Random } from "../../chaos/random.ts";

const size = { servers: 3, workers: 4, nats: 3 };
const plan = (seed: number, faults = 60) => planFaults(new Random(seed), { size, kinds: faultKinds, faults });

test("the same seed plans the same faults, and another one others", () => {
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
});

test("every kind comes once before any comes again", () => {
  const first = plan(1, faultKinds.length).map(({ kind }) => kind);
  expect(first.sort()).toEqual([...faultKinds].sort());
});

test("two faults at the same time concern different parts", () => {
  for (const [index, fault] of plan(3).entries()) {
    for (const later of plan(3).slice(index + 1)) {
      if (later.at >= fault.at + fault.milliseconds) continue;
      expect(later.parts.filter((part) => fault.parts.includes(part))).toEqual([]);
    }
  }
});

test("a plan ends in time", () => {
  const faults = planFaults(new Random(1), { size, kinds: faultKinds, milliseconds: 30_000 });
  expect(faults.length).toBeGreaterThan(5);
  expect(Math.max(...faults.map(({ at }) => at))).toBeLessThanOrEqual(30_000);
});

test("kinds are named whole, or by a word of theirs", () => {
  expect(kindsNamed("kill-server,step-down")).toEqual(["kill-server", "step-down"]);
  expect(kindsNamed("freeze")).toEqual([
    "freeze-server",
    "freeze-worker",
    "freeze-nats",
    "freeze-nats-majority",
    "freeze-redis",
  ]);
  expect(() => kindsNamed("flood")).toThrow("no kind of fault is called flood");
});

test("a single NATS node has no majority, no peers and no other leader", () => {
  const kinds = kindsFor(faultKinds, { ...size, nats: 1 });
  expect(kinds).toContain("kill-nats");
  expect(kinds).not.toContain("freeze-nats-majority");
  expect(kinds).not.toContain("isolate-nats");
});
