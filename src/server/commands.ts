import type { Slice } from "../chat/message.ts";
import type { PlainLine } from "./line-reader.ts";

export type Command =
  | { readonly name: "join"; readonly room: string; readonly user?: string }
  | { readonly name: "send"; readonly text: string }
  | { readonly name: "users" | "history" | "exit" | "help" }
  /** A known command in the wrong form; `text` says the right one. */
  | { readonly name: "usage"; readonly text: string }
  | { readonly name: "unknown"; readonly word: string }
  /** A blank line, which is ignored. */
  | { readonly name: "empty" };

export const commandList = "Available commands: join <room_id>, send <message>, users, history, exit";

export const welcome = `Welcome to the DisRoom\n${commandList}\n`;

/**
 * What one line of a client means. White space before a command does not count. The text of `send` begins
 * after one space and is kept as typed; one of nothing but white space is a usage error.
 */
export function parseCommand(line: string): Command {
  const command = line.trimStart();
  if (command.startsWith("send ")) return send(command.slice("send ".length));

  const [word, ...rest] = command.match(/\S+/g) ?? [];
  switch (word) {
    case undefined:
      return { name: "empty" };
    case "send":
      return usage("send <message>");
    case "join":
      return join(rest);
    case "users":
    case "history":
    case "exit":
    case "help":
      return rest.length === 0 ? { name: word } : usage(word);
    default:
      return { name: "unknown", word };
  }
}

const sendWord = Buffer.from("send ");
const space = 32;

/** The text of a plain line that parseCommand takes for a `send`; undefined for any other one, and for some of those. */
export function plainSend(line: PlainLine): Slice | undefined {
  const { bytes, start, end } = line;
  const text = start + sendWord.length;
  for (let index = start; index < text; index++) {
    if (index >= end || bytes[index] !== sendWord[index - start]) return undefined;
  }
  // One that begins with a space may be blank.
  return text < end && bytes[text] !== space ? { bytes, start: text, end } : undefined;
}

function send(text: string): Command {
  return /\S/.test(text) ? { name: "send", text } : usage("send <message>");
}

function join([room, user, ...rest]: readonly string[]): Command {
  if (room === undefined || rest.length > 0) return usage("join <room_id> [user_id]");
  return user === undefined ? { name: "join", room } : { name: "join", room, user };
}

function usage(form: string): Command {
  return { name: "usage", text: `Usage: ${form}` };
}
