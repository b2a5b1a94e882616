import { describe, expect, test } from "vitest";
import {
  type PowerFailureOptions,
  type PowerFailureResult,
  runPowerFailure,
} from "../power/power-failure.ts";
import { heading, report } from "../power/report.ts";

/** How long a test may take where nothing comes back, so that its report is seen, in milliseconds. */
const limit = 300_000;
/** Only root may mount the disks that lose their power. */
const isAllowed = process.platform === "linux" && process.getuid?.() === 0;

async function fail(options: Pick<PowerFailureOptions, "nats" | "sync">): Promise<PowerFailureResult> {
  // What nobody syncs stays off the disk for the whole test, however slow the machine is.
  const given = { ...options, milliseconds: 2000, commitInterval: 600 };
  const result = await runPowerFailure(given);
  if (result === undefined) throw new Error("the disks cannot be mounted");
  const shown = [heading, ...report(given, result)].join("\n");
  // Whatever the disk has forgotten: nobody is left out, nothing doubled or swapped, and no part ends.
  expect([...result.violations, ...result.troubles], shown).toEqual([]);
  expect(result.accepted - result.acceptedAfter, shown).toBeGreaterThan(100);
  expect(result.acceptedAfter, shown).toBeGreaterThan(50);
  return result;
}

describe.skipIf(!isAllowed)("a power failure", { timeout: limit }, () => {
  test("of the only NATS node costs no message with fsync", async () => {
    expect((await fail({ nats: 1, sync: true })).lost).toBe(0);
  });

  test("of all three NATS nodes at once costs no message with fsync", async () => {
    expect((await fail({ nats: 3, sync: true })).lost).toBe(0);
  });

  // It shows that the disks of these tests do forget, and that the chat goes on from a shorter log.
  test("without fsync costs messages that were accepted, and the chat goes on behind those that are left", async () => {
    expect((await fail({ nats: 1, sync: false })).lost).toBeGreaterThan(0);
  });
});
