import fc from "fast-check";
import { expect, it } from "vitest";
import { partitionOf } from "../../../src/chat/partition.ts";

const wholeHash = 2 ** 32;

it.each([
  // Test vectors of FNV-1a, 32 bits, by its authors.
  ["", 0x811c9dc5],
  ["a", 0xe40c292c],
  ["b", 0xe70c2de5],
  ["foobar", 0xbf9cf968],
])("the hash of %j is FNV-1a's", (room, hash) => {
  expect(partitionOf(room, wholeHash)).toBe(hash);
});

// Never to be changed: the order of a live cluster's rooms rests on it.
it.each([
  ["general", 11],
  ["random", 2],
  ["help", 10],
  ["a", 12],
  ["A-Z_09", 7],
  ["team-42", 5],
  ["constructor", 15],
  ["r".repeat(64), 5],
])("of %s is where it always was", (room, partition) => {
  expect(partitionOf(room, 16)).toBe(partition);
});

it("is the hash modulo the count", () => {
  expect(partitionOf("general", wholeHash)).toBe(616112491);
  expect(partitionOf("r".repeat(64), wholeHash)).toBe(3845020101);
  expect(partitionOf("general", 1)).toBe(0);
  expect(partitionOf("general", 7)).toBe(616112491 % 7);
  expect(partitionOf("general", 1000)).toBe(491);
});

it("is one of the partitions, always the same", () => {
  const room = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  fc.assert(
    fc.property(room, fc.integer({ min: 1, max: 1024 }), (id, partitions) => {
      const partition = partitionOf(id, partitions);
      expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
      expect(partitionOf(`${id}`, partitions)).toBe(partition);
    }),
  );
});

it.each([
  ["numbered", (i: number) => `room-${i}`],
  ["numbered with zeros", (i: number) => String(i).padStart(8, "0")],
  ["random-looking", (i: number) => Buffer.from(`${i * 7919}`).toString("base64url")],
])("spreads 10,000 %s rooms over 16 partitions", (_, name) => {
  const sizes = new Array<number>(16).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const partition = partitionOf(name(i), 16);
    sizes[partition] = (sizes[partition] ?? 0) + 1;
  }
  expect(Math.min(...sizes)).toBeGreaterThan(625 * 0.8);
  expect(Math.max(...sizes)).toBeLessThan(625 * 1.2);
});
