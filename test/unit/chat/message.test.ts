import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessages, encodeMessage, historyLine, liveLine } from "../../../src/chat/message.ts";

const timestamp = "2026-01-02T10:00:00.123Z";
const hello = {
  room_id: "general",
  user_id: "alice",
  content: "Hello everyone!",
  timestamp,
};
const bytes = (text: string) => Buffer.from(text);

describe("a message", () => {
  it("is one plain JSON line", () => {
    const line = encodeMessage("general", "alice", "Hello everyone!", timestamp);
    expect(line.endsWith("}\n")).toBe(true);
    expect(JSON.parse(line)).toEqual(hello);
  });

  it("is read as it was written, whatever its text", () => {
    const content = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.string({ unit: "grapheme", maxLength: 30 }),
      fc.string({
        maxLength: 30,
        unit: fc.constantFrom("\n", "\r", "\u2028", "\u2029", '"', "\\", ",", "\0", "\ud800", "}"),
      }),
    );
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 5 }), (contents) => {
        const lines = contents.map((text) => encodeMessage("r-1", "a.b", text, timestamp));
        for (const line of lines) expect(line.indexOf("\n")).toBe(line.length - 1);
        const messages = decodeMessages(bytes(lines.join("")));
        expect(messages).toEqual(
          contents.map((text) => ({ room_id: "r-1", user_id: "a.b", content: text, timestamp })),
        );
      }),
    );
  });

  it("may stand anywhere in a buffer", () => {
    const line = encodeMessage("general", "alice", "Hello everyone!", timestamp);
    const whole = bytes(`xyz${line}xyz`);
    expect(decodeMessages(whole.subarray(3, -3))).toEqual([hello]);
    expect(decodeMessages(new Uint8Array(whole).subarray(3, -3))).toEqual([hello]);
  });

  it("may lack the last line's end, and may be none at all", () => {
    expect(decodeMessages(bytes(JSON.stringify(hello)))).toEqual([hello]);
    expect(decodeMessages(bytes(""))).toEqual([]);
  });
});

it.each([
  ["text", "hello"],
  ["a number", "1"],
  ["null", "null"],
  ["a list", "[]"],
  ["a string", '"hello"'],
  ["an empty object", "{}"],
  ["cut off", '{"room_id":"general"'],
  ["without a user", JSON.stringify({ ...hello, user_id: undefined })],
  ["with a user that is no text", JSON.stringify({ ...hello, user_id: 1 })],
  ["without content", JSON.stringify({ ...hello, content: undefined })],
  ["with content that is no text", JSON.stringify({ ...hello, content: ["a"] })],
  ["without a time", JSON.stringify({ ...hello, timestamp: undefined })],
  ["with a time that is a number", JSON.stringify({ ...hello, timestamp: 1_700_000_000 })],
  ["with a time that is too short", JSON.stringify({ ...hello, timestamp: "2026-01-02T10:00" })],
  ["spread over lines", JSON.stringify(hello, null, 2)],
  ["followed by an empty line", `${JSON.stringify(hello)}\n\n`],
  ["one message and one that is none", `${JSON.stringify(hello)}\n{}\n`],
  ["not UTF-8 text", "\ufffe{"],
])("a payload that is %s is refused", (_, payload) => {
  expect(() => decodeMessages(bytes(payload))).toThrow();
});

it("members see the time, the user and the text", () => {
  expect(liveLine(hello)).toBe("[10:00:00] alice: Hello everyone!\n");
});

it("history shows the day too", () => {
  expect(historyLine(hello)).toBe("[2026-01-02 10:00:00] alice: Hello everyone!\n");
});
