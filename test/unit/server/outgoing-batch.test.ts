import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSections, maxBatchBytes, maxBatchMessages, maxBatchRooms } from "../../../src/chat/batch.ts";
import {
  decodeMessages,
  encodeMessage,
  escapedContent,
  messageHead,
  messageTail,
} from "../../../src/chat/message.ts";
import { OutgoingBatch, type Sender } from "../../../src/server/outgoing-batch.ts";

/** A sender that keeps what it was told. */
function listener(): Sender & { readonly told: string[] } {
  const told: string[] = [];
  return { told, stored: () => told.push("stored"), failed: (problem) => told.push(problem) };
}

function add(batch: OutgoingBatch, room: string, line: string, acceptedAt = 0) {
  const sender = listener();
  const bytes = Buffer.from(line);
  const content = { bytes, start: 0, end: bytes.length };
  batch.add(room, { head: "", content, tail: "" }, sender, acceptedAt);
  return sender.told;
}

const line = (room: string, text: string) => encodeMessage(room, "alice", text, "2026-01-02T10:00:00.000Z");

describe("a batch is full", () => {
  it("of bytes", () => {
    const batch = new OutgoingBatch(0);
    add(batch, "a", "x".repeat(maxBatchBytes - 10));
    expect([batch.full, batch.hasRoomFor(10), batch.hasRoomFor(11)]).toEqual([false, true, false]);
    add(batch, "a", "x".repeat(10));
    expect([batch.full, batch.hasRoomFor(0)]).toEqual([true, false]);
    expect(batch.bytes).toBe(maxBatchBytes);
  });

  it("of messages", () => {
    const batch = new OutgoingBatch(0);
    for (let i = 1; i < maxBatchMessages; i++) add(batch, "a", "x");
    expect([batch.full, batch.hasRoomFor(1)]).toEqual([false, true]);
    add(batch, "a", "x");
    expect([batch.full, batch.hasRoomFor(1)]).toEqual([true, false]);
    expect(batch.messages).toBe(maxBatchMessages);
  });

  it("of rooms", () => {
    const batch = new OutgoingBatch(0);
    for (let i = 1; i < maxBatchRooms; i++) add(batch, `r${i}`, "x");
    add(batch, "r1", "x");
    expect([batch.full, batch.hasRoomFor(1)]).toEqual([false, true]);
    add(batch, "r0", "x");
    expect([batch.full, batch.hasRoomFor(1)]).toEqual([true, false]);
  });
});

describe("encoding", () => {
  it("puts each room's messages together, in their order", () => {
    const batch = new OutgoingBatch(0);
    add(batch, "b", line("b", "1"));
    add(batch, "a", line("a", "2"));
    add(batch, "b", line("b", "3"));
    const encoded = batch.encode();
    expect(encoded?.payload.toString()).toBe(line("b", "1") + line("b", "3") + line("a", "2"));
    expect(encoded?.sections).toBe(`b:${2 * line("b", "1").length}:2,a:${line("a", "2").length}:1`);
  });

  it("has a message's parts one behind the other, however many there are", () => {
    const batch = new OutgoingBatch(0);
    const lines = Array.from({ length: 50 }, (_, number) => line("a", `"${number}" ${"é".repeat(number)}`));
    for (let number = 0; number < 50; number++) {
      const content = escapedContent(`"${number}" ${"é".repeat(number)}`);
      const tail = messageTail("2026-01-02T10:00:00.000Z");
      batch.add("a", { head: messageHead("a", "alice"), content, tail }, listener(), 0);
    }
    expect(batch.encode()?.payload.toString()).toBe(lines.join(""));
  });

  it("leaves out what its sender no longer waits for", () => {
    const batch = new OutgoingBatch(0);
    add(batch, "a", line("a", "early"), 0);
    add(batch, "b", line("b", "early"), 5);
    add(batch, "a", line("a", "late"), 10);
    batch.expire(5, "too late");
    const encoded = batch.encode();
    expect(encoded?.payload.toString()).toBe(line("a", "late"));
    expect(encoded?.sections).toBe(`a:${line("a", "late").length}:1`);
  });

  it("has nothing to give when nobody waits", () => {
    const batch = new OutgoingBatch(0);
    expect(batch.encode()).toBeUndefined();
    add(batch, "a", line("a", "early"), 0);
    batch.expire(0, "too late");
    expect(batch.encode()).toBeUndefined();
  });

  it("indexes its payload, whatever the text", () => {
    const message = fc.record({
      room: fc.constantFrom("a", "b", "c"),
      text: fc.string({ unit: "binary", maxLength: 20 }),
      acceptedAt: fc.nat(9),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 20 }),
        fc.integer({ min: -1, max: 9 }),
        (messages, deadline) => {
          const batch = new OutgoingBatch(0);
          const inTime = messages.toSorted((one, other) => one.acceptedAt - other.acceptedAt);
          for (const { room, text, acceptedAt } of inTime) add(batch, room, line(room, text), acceptedAt);
          batch.expire(deadline, "too late");

          const waiting = inTime.filter(({ acceptedAt }) => acceptedAt > deadline);
          const encoded = batch.encode();
          expect(encoded === undefined).toBe(waiting.length === 0);
          const sections = encoded === undefined ? [] : decodeSections(encoded.sections, encoded.payload);
          expect(new Set(sections.map(({ room }) => room)).size).toBe(sections.length);
          for (const room of ["a", "b", "c"]) {
            const section = sections.find((each) => each.room === room);
            const expected = waiting.filter((each) => each.room === room).map(({ text }) => text);
            expect(section?.messages ?? 0).toBe(expected.length);
            expect(decodeMessages(section?.payload ?? Buffer.of()).map(({ content }) => content)).toEqual(
              expected,
            );
          }
        },
      ),
    );
  });
});

describe("an outcome", () => {
  function twoRooms() {
    const batch = new OutgoingBatch(0);
    const told = [add(batch, "a", "1", 10), add(batch, "b", "2", 20), add(batch, "a", "3", 30)];
    return { batch, told };
  }

  it("is told to all of a room when its part is stored", () => {
    const { batch, told } = twoRooms();
    batch.stored("a");
    expect(told).toEqual([["stored"], [], ["stored"]]);
    expect(batch.answered).toBe(false);
    batch.stored("b");
    expect(told).toEqual([["stored"], ["stored"], ["stored"]]);
    expect(batch.answered).toBe(true);
  });

  it("is told to all of a room when its part is refused, and to all of all rooms when the whole is", () => {
    const { batch, told } = twoRooms();
    batch.refused("b", "why");
    expect(told).toEqual([[], ["why"], []]);
    batch.refusedWhole("because");
    expect(told).toEqual([["because"], ["why"], ["because"]]);
    expect(batch.answered).toBe(true);
  });

  it("is told to those who have waited since the deadline or longer", () => {
    const { batch, told } = twoRooms();
    batch.expire(9, "late");
    expect(told).toEqual([[], [], []]);
    batch.expire(20, "late");
    expect(told).toEqual([["late"], ["late"], []]);
    expect(batch.answered).toBe(false);
    batch.expire(30, "too late");
    expect(told).toEqual([["late"], ["late"], ["too late"]]);
    expect(batch.answered).toBe(true);
  });

  it("of a room that has no part in it changes nothing", () => {
    const { batch, told } = twoRooms();
    batch.stored("c");
    batch.refused("c", "why");
    expect(told).toEqual([[], [], []]);
  });

  it("is the first that comes, once per message, in whatever order they come", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("stored" as const), room: fc.constantFrom("a", "b", "c") }),
      fc.record({ kind: fc.constant("refused" as const), room: fc.constantFrom("a", "b", "c") }),
      fc.record({ kind: fc.constant("refusedWhole" as const) }),
      fc.record({ kind: fc.constant("expire" as const), deadline: fc.nat(9) }),
    );
    const message = fc.record({ room: fc.constantFrom("a", "b"), acceptedAt: fc.nat(9) });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(step, { maxLength: 8 }),
        (messages, steps) => {
          const batch = new OutgoingBatch(0);
          const inTime = messages.toSorted((one, other) => one.acceptedAt - other.acceptedAt);
          const told = inTime.map(({ room, acceptedAt }) => add(batch, room, "x", acceptedAt));
          const expected = inTime.map((): string[] => []);
          const answer = (which: (message: (typeof inTime)[0]) => boolean, outcome: string) => {
            for (const [i, each] of inTime.entries()) {
              if (which(each) && expected[i]?.length === 0) expected[i].push(outcome);
            }
          };
          for (const [i, step] of steps.entries()) {
            switch (step.kind) {
              case "stored":
                batch.stored(step.room);
                answer(({ room }) => room === step.room, "stored");
                break;
              case "refused":
                batch.refused(step.room, `refused ${i}`);
                answer(({ room }) => room === step.room, `refused ${i}`);
                break;
              case "refusedWhole":
                batch.refusedWhole(`refused ${i}`);
                answer(() => true, `refused ${i}`);
                break;
              case "expire":
                batch.expire(step.deadline, `expired ${i}`);
                answer(({ acceptedAt }) => acceptedAt <= step.deadline, `expired ${i}`);
            }
            expect(told).toEqual(expected);
            expect(batch.answered).toBe(expected.every(({ length }) => length === 1));
            const waiting = inTime.filter((_, index) => expected[index]?.length === 0);
            expect(batch.oldestWaiting()).toBe(waiting[0]?.acceptedAt);
          }
        },
      ),
    );
  });
});
