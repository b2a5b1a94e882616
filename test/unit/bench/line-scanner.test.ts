import { expect, test } from "vitest";
import { LineScanner } from "../../../bench/load/line-scanner.ts";
import { chat } from "../../../bench/protocols/chat.ts";
import { irc } from "../../../bench/protocols/irc.ts";
import { loadText, nickOf } from "../../../bench/protocols/text.ts";

const firstConnection = 40;
const chatLine = (sender: number, sequence: number): string =>
  `[10:00:0${sequence % 10}] ${nickOf(firstConnection + sender)}: ${loadText(sender, sequence, 64)}\n`;
const ircLine = (sender: number, sequence: number): string => {
  const nick = nickOf(firstConnection + sender);
  return `:${nick}!~${nick}@127.0.0.1 PRIVMSG #room :${loadText(sender, sequence, 64)}\r\n`;
};

/** What a scanner makes of `text` that comes in pieces of `size` bytes. */
function scanned(protocol: typeof chat, text: string, size: number): unknown[] {
  const found: unknown[] = [];
  const scanner = new LineScanner(protocol, firstConnection, {
    onMessage: (sender, sequence) => found.push([sender, sequence]),
    onLine: (line) => found.push(line),
  });
  const bytes = Buffer.from(text, "latin1");
  // As when it is read: always into the same buffer.
  const received = Buffer.alloc(4096, "\n");
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(received, 0, at, Math.min(bytes.length, at + size));
    scanner.scan(received, length);
  }
  return found;
}

for (const [protocol, line, other] of [
  [chat, chatLine, "* n00041 joined room"],
  [irc, ircLine, ":n00041!~n00041@127.0.0.1 JOIN :#room"],
] as const) {
  const end = protocol === irc ? "\r\n" : "\n";

  test(`${protocol.name}: messages and other lines are found, however they are cut`, () => {
    const text = `${other}${end}${line(0, 0)}${line(7, 123_456_789)}${other}${end}${line(1, 5)}${line(0, 1)}`;
    for (let size = 1; size <= text.length; size++) {
      expect(scanned(protocol, text, size)).toEqual([other, [0, 0], [7, 123_456_789], other, [1, 5], [0, 1]]);
    }
  });

  test(`${protocol.name}: a message under another's name, or a broken one, is a line like any other`, () => {
    const wrongName = line(0, 1).replace(nickOf(firstConnection), nickOf(firstConnection + 1));
    const broken = line(0, 2).replace("000000002", "00000x002");
    expect(scanned(protocol, line(0, 0) + wrongName + broken + line(0, 3), 1000)).toEqual([
      [0, 0],
      wrongName.trimEnd(),
      broken.trimEnd(),
      [0, 3],
    ]);
  });
}

test("chat: what is no message and no one's coming or going is a problem", () => {
  expect(chat.isProblem("* n00001 joined room")).toBe(false);
  expect(chat.isProblem("* Some messages are no longer available")).toBe(true);
  expect(chat.isProblem("Error: message not stored: why")).toBe(true);
  expect(chat.isProblem(chatLine(0, 0).trimEnd())).toBe(true);
});

test("irc: errors are problems, and a ping wants its answer", () => {
  expect(irc.isProblem(":bench.example.net 403 n00001 #room :No such channel")).toBe(true);
  expect(irc.isProblem("ERROR :Write buffer space exhausted")).toBe(true);
  expect(irc.isProblem(":bench.example.net 353 n00001 = #room :n00001")).toBe(false);
  expect(irc.isProblem(ircLine(0, 0).trimEnd())).toBe(true);
  expect(irc.answer("PING :bench.example.net")).toBe("PONG :bench.example.net\r\n");
});
