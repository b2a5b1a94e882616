import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { natsEnvironment, nodeEnvironment, nodeFlags } from "../../../src/cluster/process-settings.ts";

test("Node.js and glibc take what they are given", () => {
  const { status, stderr } = spawnSync(process.execPath, [...nodeFlags, "-e", "0"], {
    encoding: "utf8",
    env: { ...process.env, ...nodeEnvironment },
  });
  expect([status, stderr]).toEqual([0, ""]);
});

test.each([
  [1, "1"],
  [2, "1"],
  [3, "1"],
  [8, "4"],
])("of %i cores NATS takes %s", (cores, taken) => {
  expect(natsEnvironment(cores).GOMAXPROCS).toBe(taken);
});
