import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandList, parseCommand, plainSend, welcome } from "../../../src/server/commands.ts";

const usage = (form: string) => ({ name: "usage", text: `Usage: ${form}` });

describe("send", () => {
  it("keeps its text as typed, from one space after the word", () => {
    expect(parseCommand("send Hello everyone!")).toEqual({ name: "send", text: "Hello everyone!" });
    expect(parseCommand("send   x")).toEqual({ name: "send", text: "  x" });
    expect(parseCommand("send a  b ")).toEqual({ name: "send", text: "a  b " });
    expect(parseCommand("send send exit")).toEqual({ name: "send", text: "send exit" });
  });

  it("keeps any text that is not blank", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
        fc.pre(text.trim() !== "");
        expect(parseCommand(`send ${text}`)).toEqual({ name: "send", text });
      }),
    );
  });

  it.each(["send", "send ", "send    ", "send \u00a0\u3000"])(
    "is used wrongly without a text: %j",
    (line) => {
      expect(parseCommand(line)).toEqual(usage("send <message>"));
    },
  );
});

describe("a plain send", () => {
  /** The text that plainSend finds in a line of a chunk. */
  function plainText(line: string): string | undefined {
    const bytes = Buffer.from(`exit\n${line}\nexit\n`);
    const text = plainSend({ kind: "plain", bytes, start: 5, end: 5 + line.length });
    return text && bytes.toString("latin1", text.start, text.end);
  }

  it("has the text that parseCommand finds", () => {
    const line = fc.oneof(
      fc.string({ unit: "grapheme-ascii", maxLength: 9 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 9 }).map((text) => `send ${text}`),
    );
    fc.assert(
      fc.property(line, (line) => {
        const text = plainText(line);
        if (text !== undefined) expect(parseCommand(line)).toEqual({ name: "send", text });
      }),
    );
    expect(plainText("send a  b ")).toBe("a  b ");
  });

  it.each(["", "s", "send", "send ", "send  ", "sendx", "sent x", " send x", "exit"])("is not %j", (line) => {
    expect(plainText(line)).toBeUndefined();
  });
});

describe("join", () => {
  it("takes a room, and a user if one is given", () => {
    expect(parseCommand("join general")).toStrictEqual({ name: "join", room: "general" });
    expect(parseCommand("join general alice")).toEqual({ name: "join", room: "general", user: "alice" });
    expect(parseCommand("join   general  alice  ")).toEqual({ name: "join", room: "general", user: "alice" });
  });

  it.each(["join", "join ", "join general alice bob"])("is used wrongly in %j", (line) => {
    expect(parseCommand(line)).toEqual(usage("join <room_id> [user_id]"));
  });
});

describe.each(["users", "history", "exit", "help"])("%s", (name) => {
  it("stands alone", () => {
    expect(parseCommand(name)).toEqual({ name });
    expect(parseCommand(`${name}  `)).toEqual({ name });
    expect(parseCommand(`${name} extra`)).toEqual(usage(name));
  });
});

describe("a line", () => {
  it.each(["", " ", "   \u00a0"])("that is blank is empty: %j", (line) => {
    expect(parseCommand(line)).toEqual({ name: "empty" });
  });

  it("may begin with white space", () => {
    expect(parseCommand("  users")).toEqual({ name: "users" });
    expect(parseCommand("  join general")).toEqual({ name: "join", room: "general" });
    expect(parseCommand("  send  hi ")).toEqual({ name: "send", text: " hi " });
  });

  it.each(["Send", "JOIN", "sendhello", "hello", "/join", "__proto__", "constructor", "usage", "empty"])(
    "with the word %j is unknown",
    (word) => {
      expect(parseCommand(word)).toEqual({ name: "unknown", word });
      expect(parseCommand(`${word} general`)).toEqual({ name: "unknown", word });
    },
  );
});

it("welcomes with the list of commands", () => {
  expect(commandList).toBe("Available commands: join <room_id>, send <message>, users, history, exit");
  expect(welcome).toBe(
    "Welcome to the DisRoom\nAvailable commands: join <room_id>, send <message>, users, history, exit\n",
  );
});
