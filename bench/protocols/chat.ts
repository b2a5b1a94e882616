import type { Protocol } from "./protocol.ts";

/** DisRoom's own: `send <text>` comes back to everyone as `[10:00:00] <nick>: <text>`. */
export const chat: Protocol = {
  name: "chat",
  echoes: true,
  oneOrder: true,
  nickStart: "[10:00:00] ".length,
  connectsAtOnce: 100,
  hello: () => "",
  isWelcome: (line) => line.startsWith("Available commands"),
  join: (room, nick) => `join ${room} ${nick}\n`,
  isJoined: (line, room, nick) => line === `Joined room ${room} as ${nick}`,
  say: () => ({ before: "send ", after: "\n" }),
  textStart: (line) => (line.startsWith("[") ? line.indexOf(": ") + 2 : -1),
  answer: () => undefined,
  // `* somebody joined` is nothing to worry about; that messages got lost is.
  isProblem: (line) => !/^(\* \S+ (joined|left) |Welcome to )/.test(line),
};
