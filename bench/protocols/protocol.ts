/** What the load generator has to know of a chat protocol. Lines are given and taken without their line end. */
export type Protocol = {
  readonly name: "chat" | "irc";
  /** Whether a sender's own messages come back to it. */
  readonly echoes: boolean;
  /** Whether all members of a room see its messages in one order, which is checked then. */
  readonly oneOrder: boolean;
  /** Where a line of a message has the sender's nick. */
  readonly nickStart: number;
  /** How many may be connecting at once without a wait for the service's side of it. */
  readonly connectsAtOnce: number;
  /** What is typed first on a new connection. */
  hello(nick: string): string;
  isWelcome(line: string): boolean;
  join(room: string, nick: string): string;
  isJoined(line: string, room: string, nick: string): boolean;
  /** What stands before and after a message's text in what a sender types. */
  say(room: string): { readonly before: string; readonly after: string };
  /** Where a message's text begins; -1 in a line that is no message. */
  textStart(line: string): number;
  /** What the line wants typed back, with its line end; undefined for most. */
  answer(line: string): string | undefined;
  /** Whether a line that is no message says that something went wrong. */
  isProblem(line: string): boolean;
};

/** What opens a sender's window and ends a message's latency. */
export const arrivalMeans = ({ echoes }: Pick<Protocol, "echoes">): string =>
  echoes ? "the sender's echo" : "the delivery to one other member (IRC has no echo)";

/** The one member whose copy of `sender`'s messages counts as their arrival. */
export const witnessOf = ({ echoes }: Pick<Protocol, "echoes">, sender: number, members: number): number =>
  echoes ? sender : (sender + 1) % members;
