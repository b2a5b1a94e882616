import { describe, expect, test } from "vitest";
import type { Fault } from "../../chaos/faults.ts";
import { forgotten } from "../../chaos/forgotten.ts";
import type { SentMessage } from "../../chaos/history.ts";
import type { FaultKind } from "../../chaos/plan.ts";
import { longestPauses, outages } from "../../chaos/service.ts";

const size = { servers: 3, workers: 4, nats: 3 };

const fault = (kind: FaultKind, startedAt: number, endedAt: number, ...parts: string[]): Fault => ({
  kind,
  parts,
  at: startedAt,
  milliseconds: endedAt - startedAt,
  lost: false,
  chance: 0,
  startedAt,
  endedAt,
  what: kind,
});

/** An echo a second, but none between the two times. */
const echoes = (from: number, to: number, until = 100_000): number[] =>
  Array.from({ length: until / 1000 }, (_, index) => 1000 * index).filter((at) => at <= from || at >= to);

describe("pauses", () => {
  test("a kind of fault has the longest time between echoes that it may have to do with", () => {
    const clients = [
      { user: "ann", router: "people-1", echoes: [900, 1500, 7000] },
      { user: "bob", router: "people-2", echoes: [800, 4000, 6100] },
    ];
    const faults = [
      fault("kill-server", 1000, 2000, "server-1"),
      fault("kill-server", 6000, 6500, "server-2"),
      fault("kill-redis", 6500, 6600, "redis"),
    ];
    expect([...longestPauses(faults, clients, 9000)]).toEqual([
      ["kill-server", 5500],
      ["kill-redis", 2500],
    ]);
  });
});

describe("outages", () => {
  const found = (faults: Fault[], from = 10_000, to = 40_000) =>
    outages(faults, [{ user: "ann", router: "people-1", echoes: echoes(from, to) }], size, 100_000);

  test("30 s without an echo are one, whatever happened to a part of which there are others", () => {
    expect(found([])).toEqual([{ user: "ann", from: 10_000, to: 40_000 }]);
    expect(found([fault("freeze-server", 11_000, 39_000, "server-1")])).toHaveLength(1);
  });

  test("20 s are none", () => {
    expect(found([], 10_000, 30_000)).toEqual([]);
  });

  test("while all workers or a majority of NATS nodes are away, nobody can be served", () => {
    const workers = ["worker-1", "worker-2", "worker-3", "worker-4"];
    expect(found([fault("full-queue", 15_000, 25_000, ...workers)])).toEqual([]);
    expect(found([fault("freeze-nats-majority", 15_000, 25_000, "nats-1", "nats-2")])).toEqual([]);
  });

  test("a fault of a NATS node gives another 20 s, for an election", () => {
    expect(found([fault("kill-nats", 21_000, 22_000, "nats-1")])).toEqual([]);
    expect(found([fault("kill-nats", 11_000, 12_000, "nats-1")])).toEqual([
      { user: "ann", from: 12_000, to: 40_000 },
    ]);
  });
});

describe("forgotten messages", () => {
  const message: SentMessage = {
    id: "ann-0",
    room: "den",
    user: "ann",
    connection: 0,
    sentAt: 20_000,
    outcome: "unknown",
    outcomeAt: 30_000,
    answer: "Error: message not confirmed, it may still appear",
  };
  const found = (faults: Fault[], sent: SentMessage = message, stored = false): string[] => {
    const log = stored ? [{ id: "ann-0", user: "ann", sequence: 1, batch: "b", storedAt: 0 }] : [];
    const history = {
      messages: new Map([[sent.id, sent]]),
      connections: [],
      refusedAmong: [],
      logs: new Map([["den", log]]),
    };
    return forgotten(history, faults).map(({ id }) => id);
  };

  test("one that was not confirmed and is not stored is one, when only workers were away", () => {
    expect(found([])).toEqual(["ann-0"]);
    expect(found([fault("freeze-worker", 19_000, 29_000, "worker-1")])).toEqual(["ann-0"]);
    expect(found([], message, true)).toEqual([]);
  });

  test("a fault of NATS or of a server at that time is an excuse, and so is a lost connection", () => {
    expect(found([fault("kill-nats", 16_000, 17_000, "nats-1")])).toEqual([]);
    expect(found([fault("freeze-server", 29_000, 31_000, "server-1")])).toEqual([]);
    expect(found([], { ...message, answer: "connection lost" })).toEqual([]);
  });
});
