import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeSections,
  encodeSections,
  formatBatchId,
  maxBatchBytes,
  maxBatchRooms,
  newIncarnation,
  parseBatchId,
  UnroutableError,
} from "../../../src/chat/batch.ts";

const producer = "abcdEFGH0123_-xy";
const roomId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter((room) => room !== "global_messages");

describe("an incarnation", () => {
  it("is 16 characters that a subject may hold, and never the same", () => {
    const made = new Set(Array.from({ length: 1000 }, newIncarnation));
    expect(made.size).toBe(1000);
    for (const incarnation of made) expect(incarnation).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });
});

describe("a batch id", () => {
  it("is read as it was written", () => {
    expect(formatBatchId({ producer, partition: 3, counter: 42 })).toBe(`${producer}.3.42`);
    fc.assert(
      fc.property(fc.nat(1023), fc.nat({ max: 999_999_999_999_999 }), (partition, counter) => {
        const id = { producer: newIncarnation(), partition, counter };
        expect(parseBatchId(formatBatchId(id))).toEqual(id);
      }),
    );
  });

  it.each([
    undefined,
    "",
    producer,
    `${producer}.1`,
    `${producer}.1.`,
    `${producer}..1`,
    `.1.1`,
    `${producer}.1.1.1`,
    `${producer}.-1.1`,
    `${producer}.1.-1`,
    `${producer}.1.1e3`,
    `${producer}.1.0x10`,
    `${producer}.12345.1`,
    `${producer}.1.${"9".repeat(16)}`,
    `${producer}x.1.1`,
    `${producer.slice(1)}.1.1`,
    `${producer.slice(1)}*.1.1`,
    `${producer}.1.1\n`,
    ` ${producer}.1.1`,
  ])("is not %j", (text) => {
    expect(parseBatchId(text)).toBeUndefined();
  });
});

describe("the section index", () => {
  it("names rooms, bytes and messages", () => {
    const sections = [
      { room: "general", bytes: 5, messages: 1 },
      { room: "a-b_C", bytes: 7, messages: 2 },
    ];
    expect(encodeSections(sections)).toBe("general:5:1,a-b_C:7:2");
  });

  it("gives the parts back that it was made of, as views of the payload", () => {
    const part = fc.record({
      room: roomId,
      messages: fc.nat(4096),
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    const oneOfEachRoom = fc.uniqueArray(part, { minLength: 1, maxLength: 8, selector: ({ room }) => room });
    fc.assert(
      fc.property(oneOfEachRoom, (parts) => {
        const payload = Buffer.concat(parts.map((section) => section.payload));
        const index = encodeSections(parts.map((section) => ({ ...section, bytes: section.payload.length })));
        const sections = decodeSections(index, payload);
        expect(sections.map((section) => ({ ...section, payload: new Uint8Array(section.payload) }))).toEqual(
          parts,
        );
        for (const section of sections) expect(section.payload.buffer).toBe(payload.buffer);
      }),
    );
  });

  it("of the fullest batch fits into a NATS message with its payload", () => {
    const sections = Array.from({ length: maxBatchRooms }, (_, i) => ({
      room: String(i).padStart(64, "r"),
      bytes: maxBatchBytes,
      messages: 4096,
    }));
    expect(maxBatchBytes + encodeSections(sections).length + 1024).toBeLessThan(1024 * 1024);
  });

  const payload = Buffer.from("0123456789");

  it.each<[string, string | undefined, RegExp]>([
    ["missing", undefined, /no section index/],
    ["empty", "", /no section index/],
    ["without numbers", "general", /malformed entry "general"/],
    ["without a count of messages", "general:10", /malformed entry/],
    ["with a part too many", "general:10:1:1", /malformed entry/],
    ["with an empty count", "general::1", /malformed entry/],
    ["with a negative size", "general:-1:1", /malformed entry/],
    ["with a broken size", "general:1.5:1", /malformed entry/],
    ["with a size in letters", "general:0xa:1", /malformed entry/],
    ["with a size of ten digits", "general:1000000000:1", /malformed entry/],
    ["with a space", "general:10: 1", /malformed entry/],
    ["without a room", ":10:1", /malformed entry/],
    ["with an empty entry", "general:10:1,", /malformed entry ""/],
    ["with an empty first entry", ",general:10:1", /malformed entry ""/],
    ["with a line end", "general:10:1\n", /malformed entry/],
    ["with a room that is a pattern", "*:10:1", /names the room "\*": a room id is/],
    ["with a room of two tokens", "a.b:10:1", /names the room "a\.b"/],
    ["with a reserved room", "global_messages:10:1", /reserved/],
    ["with a room that is too long", `${"r".repeat(65)}:10:1`, /names the room/],
    ["with a room that comes twice", "a:5:1,a:5:1", /names the room "a" twice/],
    ["longer than the payload", "general:11:1", /longer than the payload/],
    ["longer than the payload in its second entry", "a:6:1,b:5:1", /longer than the payload/],
    ["shorter than the payload", "general:9:1", /shorter than the payload/],
    ["shorter than the payload in sum", "a:4:1,b:5:1", /shorter than the payload/],
  ])("that is %s cannot be routed", (_, index, why) => {
    expect(() => decodeSections(index, payload)).toThrow(UnroutableError);
    expect(() => decodeSections(index, payload)).toThrow(why);
  });

  it("never gives anything but the whole payload, whatever it says", () => {
    const entry = fc.tuple(fc.constantFrom("a", "b", "", "*"), fc.integer({ min: -1, max: 12 }), fc.nat(3));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), (entries) => {
        const index = entries.map((parts) => parts.join(":")).join(",");
        try {
          const sections = decodeSections(index, payload);
          expect(Buffer.concat(sections.map((section) => section.payload))).toEqual(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(UnroutableError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
