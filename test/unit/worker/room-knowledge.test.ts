import { describe, expect, it } from "vitest";
import { RoomKnowledge } from "../../../src/worker/room-knowledge.ts";

const stream = "2026-01-02T10:00:00Z";
const known = (sequence: number) => ({
  sequence,
  counters: new Map([["p", { counter: sequence, ingressTime: 1 }]]),
  earlier: [],
});

/** What is known of a stream after these were set. */
function knowing(rooms: Record<string, number>, limit = 10): RoomKnowledge {
  const knowledge = new RoomKnowledge(limit);
  knowledge.streamIs(stream);
  for (const [room, sequence] of Object.entries(rooms)) knowledge.set(room, known(sequence));
  return knowledge;
}

const rooms = (knowledge: RoomKnowledge, ...names: string[]) =>
  names.filter((room) => knowledge.get(room) !== undefined);

describe("what a worker has read or stored itself", () => {
  it("replaces what it knew, even when it is lower", () => {
    const knowledge = knowing({ a: 7 });
    knowledge.set("a", known(3));
    expect(knowledge.get("a")).toEqual(known(3));
    knowledge.set("a", { sequence: 0, counters: new Map(), earlier: [] });
    expect(knowledge.get("a")?.sequence).toBe(0);
    expect(knowledge.size).toBe(1);
  });

  it("is bounded; the rooms used longest ago are forgotten", () => {
    const knowledge = knowing({ a: 1, b: 2, c: 3 }, 3);
    knowledge.set("a", known(4));
    knowledge.set("d", known(5));
    expect(rooms(knowledge, "a", "b", "c", "d")).toEqual(["a", "c", "d"]);
    knowledge.learn("e", known(6), stream);
    expect(rooms(knowledge, "a", "c", "d", "e")).toEqual(["a", "d", "e"]);
    expect(knowledge.size).toBe(3);
  });

  it("is used when it is learned anew", () => {
    const knowledge = knowing({ a: 1, b: 2 }, 2);
    knowledge.learn("a", known(3), stream);
    knowledge.set("c", known(4));
    expect(rooms(knowledge, "a", "b", "c")).toEqual(["a", "c"]);
  });
});

describe("what another worker says", () => {
  it("counts when it is later, with its counters", () => {
    const knowledge = knowing({ a: 7 });
    knowledge.learn("a", known(8), stream);
    expect(knowledge.get("a")).toEqual(known(8));
  });

  it("counts of a room that is unknown", () => {
    const knowledge = knowing({});
    knowledge.learn("a", known(8), stream);
    expect(knowledge.get("a")).toEqual(known(8));
  });

  it("does not count when it is no later", () => {
    const knowledge = knowing({ a: 7 });
    knowledge.learn("a", known(6), stream);
    knowledge.learn("a", { sequence: 7, counters: new Map(), earlier: [] }, stream);
    expect(knowledge.get("a")).toEqual(known(7));
  });

  it("does not count when it is of another stream", () => {
    const knowledge = knowing({ a: 7 });
    knowledge.learn("a", known(8), "2026-01-02T11:00:00Z");
    knowledge.learn("b", known(8), "2026-01-02T11:00:00Z");
    expect(knowledge.get("a")).toEqual(known(7));
    expect(knowledge.get("b")).toBeUndefined();
  });
});

describe("forgetting", () => {
  it("is of one room", () => {
    const knowledge = knowing({ a: 1, b: 2 });
    knowledge.forget("a");
    knowledge.forget("c");
    expect(rooms(knowledge, "a", "b")).toEqual(["b"]);
  });

  it("is of all rooms when they may have changed unseen, and of the same stream still", () => {
    const knowledge = knowing({ a: 7, b: 2 });
    knowledge.forgetAll();
    expect(knowledge.size).toBe(0);
    knowledge.learn("a", known(5), stream);
    expect(knowledge.get("a")).toEqual(known(5));
  });

  it("is of all rooms when the stream is another one, and of none when it is the same", () => {
    const knowledge = knowing({ a: 1, b: 2 });
    knowledge.streamIs(stream);
    expect(knowledge.size).toBe(2);
    expect(knowledge.created).toBe(stream);
    knowledge.streamIs("2026-01-02T11:00:00Z");
    expect(knowledge.size).toBe(0);
    expect(knowledge.created).toBe("2026-01-02T11:00:00Z");
    knowledge.learn("a", known(1), "2026-01-02T11:00:00Z");
    expect(rooms(knowledge, "a")).toEqual(["a"]);
  });
});
