import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeProducers,
  encodeProducers,
  holds,
  maxProducers,
  type ProducerCounters,
  producerLifetime,
  withBatch,
} from "../../../src/chat/producers.ts";

const batch = (producer: string, counter: number) => ({ producer, partition: 0, counter });
const none: ProducerCounters = new Map();
const now = 1_767_348_000_000;

describe("a room holds", () => {
  const counters = withBatch(none, batch("p", 5), now);

  it("a batch, and all before it of the same producer", () => {
    expect(holds(counters, batch("p", 5))).toBe(true);
    expect(holds(counters, batch("p", 4))).toBe(true);
    expect(holds(counters, batch("p", 0))).toBe(true);
  });

  it("no later one, and none of another producer", () => {
    expect(holds(counters, batch("p", 6))).toBe(false);
    expect(holds(counters, batch("q", 5))).toBe(false);
    expect(holds(none, batch("p", 0))).toBe(false);
  });
});

describe("the counters after a batch", () => {
  it("leave those before as they were", () => {
    const before = withBatch(none, batch("p", 5), now);
    withBatch(before, batch("p", 6), now + 1);
    withBatch(before, batch("q", 1), now + producerLifetime + 1);
    expect([...before]).toEqual([["p", { counter: 5, ingressTime: now }]]);
  });

  it("have the batch's counter and time, and the other producers' as they were", () => {
    const first = withBatch(withBatch(none, batch("p", 5), now), batch("q", 1), now + 10);
    expect(new Map(withBatch(first, batch("p", 6), now + 20))).toEqual(
      new Map([
        ["p", { counter: 6, ingressTime: now + 20 }],
        ["q", { counter: 1, ingressTime: now + 10 }],
      ]),
    );
  });

  it("drop a producer when the batch is more than an hour newer, and not before", () => {
    const counters = withBatch(none, batch("p", 5), now);
    const anHourOn = withBatch(counters, batch("q", 1), now + producerLifetime);
    expect(holds(anHourOn, batch("p", 5))).toBe(true);
    const later = withBatch(counters, batch("q", 1), now + producerLifetime + 1);
    expect(holds(later, batch("p", 5))).toBe(false);
    expect(producerLifetime).toBe(60 * 60 * 1000);
  });

  it("know of no time but the batches' own", () => {
    // A day passed since these were stored; the batch at hand entered the queue before they did.
    const counters = withBatch(withBatch(none, batch("p", 5), now), batch("q", 1), now + 86_400_000);
    const late = withBatch(counters, batch("r", 1), now - 5000);
    expect(holds(late, batch("q", 1))).toBe(true);
    expect(late.get("r")).toEqual({ counter: 1, ingressTime: now - 5000 });
  });

  it("keep a producer's own entry however old it is", () => {
    const counters = withBatch(none, batch("p", 5), now);
    expect(withBatch(counters, batch("p", 6), now + 2 * producerLifetime).get("p")?.counter).toBe(6);
  });

  it("are of 256 producers at most; those heard of longest ago go first", () => {
    let counters = none;
    // Of times that fall as the entries come, so that the oldest is not simply the first.
    for (let i = 0; i < maxProducers; i++) counters = withBatch(counters, batch(`p${i}`, i), now - i);
    expect(maxProducers).toBe(256);
    expect(counters.size).toBe(256);

    expect(withBatch(counters, batch("p3", 99), now + 1).size).toBe(256);
    expect(withBatch(counters, batch("p3", 99), now + 1).has("p255")).toBe(true);

    const next = withBatch(counters, batch("q", 1), now + 1);
    expect(next.size).toBe(256);
    expect(next.has("p255")).toBe(false);
    expect(next.has("p254")).toBe(true);
    expect(holds(next, batch("q", 1))).toBe(true);
  });

  it("come down to the bound from above it", () => {
    const many = new Map(
      Array.from({ length: 400 }, (_, i) => [`p${i}`, { counter: 1, ingressTime: now + i }] as const),
    );
    const next = withBatch(many, batch("q", 1), now + 1000);
    expect(next.size).toBe(256);
    expect(next.has("p144")).toBe(false);
    expect(next.has("p145")).toBe(true);
  });
});

describe("the header", () => {
  it("is short text", () => {
    const counters = withBatch(withBatch(none, batch("p", 36), 1000), batch("q", 1), 1296);
    expect(encodeProducers(counters)).toBe("p:10:rs,q:1:100");
    expect(encodeProducers(none)).toBe("");
  });

  it("is read as it was written, in its order", () => {
    const entry = fc.tuple(fc.stringMatching(/^[A-Za-z0-9_-]{16}$/), fc.maxSafeNat(), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.uniqueArray(entry, { minLength: 1, selector: ([name]) => name }), (entries) => {
        const counters = new Map(
          entries.map(([name, counter, ingressTime]) => [name, { counter, ingressTime }] as const),
        );
        expect([...(decodeProducers(encodeProducers(counters)) ?? [])]).toEqual([...counters]);
      }),
    );
  });

  it.each([
    undefined,
    "",
    "p",
    "p:",
    "p:1",
    "p::1",
    "p:1:",
    ":1:1",
    "p:!:1",
    "p:1:!",
    "p:1:1,",
    ",p:1:1",
    "p:1:1,,q:1:1",
    "p:1:1,q",
    `p:${"z".repeat(12)}:1`,
    `p:1:${"z".repeat(12)}`,
  ])("is not %j", (text) => {
    expect(decodeProducers(text)).toBeUndefined();
  });
});
