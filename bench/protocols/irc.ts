import type { Protocol } from "./protocol.ts";

/** RFC 2812: `PRIVMSG #<room> :<text>` goes to all others as `:<nick>!~<user>@<host> PRIVMSG #<room> :<text>`. */
export const irc: Protocol = {
  name: "irc",
  echoes: false,
  oneOrder: false,
  nickStart: 1,
  // ngIRCd lets ten wait to be accepted; whoever comes then tries again after a second, and after longer ones.
  connectsAtOnce: 8,
  hello: (nick) => `NICK ${nick}\r\nUSER ${nick} 0 * :${nick}\r\n`,
  // The end of the message of the day, or that there is none, is the last of a registration.
  isWelcome: (line) => / (376|422) /.test(line),
  join: (room) => `JOIN #${room}\r\n`,
  isJoined: (line, room) => line.includes(` 366 `) && line.includes(` #${room} `),
  say: (room) => ({ before: `PRIVMSG #${room} :`, after: "\r\n" }),
  textStart: (line) => (line.includes(" PRIVMSG ") ? line.indexOf(" :") + 2 : -1),
  answer: (line) => (line.startsWith("PING") ? `PONG${line.slice(4)}\r\n` : undefined),
  // A message of nobody in the room, or a broken one, is as bad as an error.
  isProblem: (line) =>
    line.startsWith("ERROR") || line.includes(" PRIVMSG ") || /^\S+ (?!422)[45]\d\d /.test(line),
};
