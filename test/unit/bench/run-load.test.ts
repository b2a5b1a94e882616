import { afterEach, expect, test } from "vitest";
import type { LoadOptions } from "../../../bench/load/options.ts";
import { runLoad } from "../../../bench/load/run-load.ts";
import { FakeService, type Tamper } from "./fake-service.ts";

let service: FakeService | undefined;
afterEach(() => service?.stop());

/** Two rooms of three, ten messages of each of two senders. */
async function loadOn(protocol: "chat" | "irc", tamper?: Tamper, options: Partial<LoadOptions> = {}) {
  service = await FakeService.start(protocol, tamper);
  return runLoad({
    protocol,
    host: "127.0.0.1",
    port: service.port,
    rooms: ["one", "two"],
    members: 3,
    senders: 2,
    pace: { window: 4, messagesPerSender: 10 },
    textBytes: 64,
    warmupSeconds: 0,
    seconds: 20,
    silence: 300,
    ...options,
  });
}

/** Does `change` to copy number 7 of one member. */
const at7 =
  (change: (line: string) => string[]): Tamper =>
  (receiver, line, count) =>
    receiver === "n00002" && count === 7 ? change(line) : [line];

for (const [protocol, receivers] of [
  ["chat", 3],
  ["irc", 2],
] as const) {
  test(`${protocol}: a service that does everything right has no faults`, async () => {
    const { checked, faults, latency, joins } = await loadOn(protocol);
    expect(faults).toEqual([]);
    expect(checked).toEqual({
      ...{ lost: 0, duplicated: 0, disordered: 0 },
      ...{ messages: 40, deliveries: 40 * receivers },
    });
    expect(latency.p50).toBeGreaterThan(0);
    expect(joins.count).toBe(6);
  });

  test(`${protocol}: one delivery that is lost is found`, async () => {
    const { checked, faults } = await loadOn(
      protocol,
      at7(() => []),
    );
    expect(checked).toMatchObject({ lost: 1, duplicated: 0, disordered: 0 });
    expect(faults[0]).toMatch(/^one: lost: 1 of 10 messages of member \d to member 2$/);
  });

  test(`${protocol}: one that comes twice is found`, async () => {
    const { checked } = await loadOn(
      protocol,
      at7((line) => [line, line]),
    );
    expect(checked).toMatchObject({ lost: 0, duplicated: 1, disordered: 0 });
  });

  test(`${protocol}: two of one sender that are swapped are found`, async () => {
    let held = "";
    const isOfFirst = (line: string): boolean => line.includes("n00000");
    const { checked } = await loadOn(protocol, (receiver, line) => {
      if (receiver !== "n00002" || !isOfFirst(line)) return [line];
      if (held === "") {
        held = line;
        return [];
      }
      const both = [line, held];
      held = "-";
      return both[1] === "-" ? [line] : both;
    });
    expect(checked).toMatchObject({ lost: 0, duplicated: 0, disordered: 1 });
  });

  test(`${protocol}: one that is garbled is found`, async () => {
    const { checked, faults } = await loadOn(
      protocol,
      at7((line) => [line.replace(" 00000", " 0000x")]),
    );
    expect(checked.lost).toBe(1);
    expect(faults[0]).toContain("0000x");
  });
}

test("an error in place of an echo is a fault", async () => {
  const { faults } = await loadOn(
    "chat",
    at7(() => ["Error: message not stored: why\n"]),
  );
  expect(faults[0]).toContain("message not stored");
});

test("an open loop has its own latencies, and loses nothing either", async () => {
  const pace = { messagesPerSecond: 100 };
  const { checked, faults, lateness, messages } = await loadOn("chat", undefined, { pace, seconds: 0.5 });
  expect(faults).toEqual([]);
  expect(checked.deliveries).toBe(checked.messages * 3);
  expect(messages).toBeGreaterThan(20);
  expect(lateness?.skipped).toBe(0);
});
