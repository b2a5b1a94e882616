import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { liveText } from "../../../src/chat/live-text.ts";
import { decodeMessages, encodeMessage, liveLine } from "../../../src/chat/message.ts";

const time = "2026-01-02T10:20:30.456Z";
const rendered = (room: string, section: string | Uint8Array) => {
  const { text, messages } = liveText(room, Buffer.from(section));
  return { text: text.toString(), messages };
};

describe("a section's live text", () => {
  it("is a line for each message", () => {
    const section =
      encodeMessage("den", "ann", "hello", time) + encodeMessage("den", "bob.2", "what's up?", time);
    expect(rendered("den", section)).toEqual({
      text: "[10:20:30] ann: hello\n[10:20:30] bob.2: what's up?\n",
      messages: 2,
    });
  });

  it("is the same as what reading the JSON gives, whatever was said", () => {
    const content = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.constantFrom('"', "\\", 'say "hi"', "\\n", '","timestamp":"', "é", "🙂🙂", "\ud800", "\u2028"),
    );
    const message = fc.record({ user: fc.stringMatching(/^[A-Za-z0-9_.-]{1,32}$/), content });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        const section = messages.map((each) => encodeMessage("den", each.user, each.content, time)).join("");
        const expected = decodeMessages(Buffer.from(section)).map(liveLine).join("");
        expect(rendered("den", section)).toEqual({
          text: Buffer.from(expected).toString(),
          messages: messages.length,
        });
      }),
      { numRuns: 300 },
    );
  });

  it("is read from JSON that is written in another way, and may lack the last line end", () => {
    const other = JSON.stringify({ timestamp: time, content: "hi", user_id: "ann", room_id: "den", id: 7 });
    const section = `${encodeMessage("den", "ann", "one", time)}${other}\n${encodeMessage("den", "ann", "two", time)}${other}`;
    expect(rendered("den", section)).toEqual({
      text: "[10:20:30] ann: one\n[10:20:30] ann: hi\n[10:20:30] ann: two\n[10:20:30] ann: hi\n",
      messages: 4,
    });
  });

  it("has all messages of a line that holds several, separated by commas", () => {
    const [one, two] = ["one", "two"].map((content) => encodeMessage("den", "ann", content, time).trimEnd());
    expect(rendered("den", `${one},${two}\n`)).toEqual({
      text: "[10:20:30] ann: one\n[10:20:30] ann: two\n",
      messages: 2,
    });
  });

  it("does not exist for anything but chat messages", () => {
    const good = encodeMessage("den", "ann", "hello", time);
    const bad = ["x", "\n", "{}\n", '{"user_id":"ann"}\n', good.replace('"}', ""), good.slice(0, 40), "[]\n"];
    for (const section of [...bad, ...bad.map((each) => good + each)]) {
      expect(() => rendered("den", section), section).toThrow();
    }
    const controls = good.replace("hello", "a\u001bb");
    expect(() => rendered("den", controls)).toThrow();
  });

  it("is as right when any byte of a section is another", () => {
    const section = Buffer.from(encodeMessage("den", "ann", "hello", time).repeat(2));
    fc.assert(
      fc.property(fc.nat(section.length - 1), fc.integer({ min: 0, max: 255 }), (index, byte) => {
        // A line end makes two lines of one, and neither is a message.
        fc.pre(byte !== 10);
        const changed = Buffer.from(section);
        changed[index] = byte;
        let expected: string | undefined;
        try {
          expected = decodeMessages(changed).map(liveLine).join("");
        } catch {
          // It is none.
        }
        if (expected === undefined) expect(() => rendered("den", changed)).toThrow();
        else expect(rendered("den", changed).text).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
