/** A chat message as it stands in the queue and in the room log: one JSON object a line. */
export type ChatMessage = {
  readonly room_id: string;
  readonly user_id: string;
  readonly content: string;
  /** When the server accepted it: ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
};

/** How many messages `history` shows. */
export const historyLength = 100;

/** Part of a buffer: its bytes from `start` up to `end`. */
export type Slice = { readonly bytes: Buffer; readonly start: number; readonly end: number };

/** A message's JSON line in parts. `head` and `tail` hold only ASCII characters. */
export type MessageParts = {
  /** What all messages of a user in a room begin with; of `messageHead`. */
  readonly head: string;
  /** The text as it stands between the quotes of a JSON string. */
  readonly content: Slice;
  /** Of `messageTail`. */
  readonly tail: string;
};

/** What stands around the fields of a message's JSON line: ids are of characters that JSON need not escape. */
export const lineFrame = {
  beforeUser: (room: string): string => `{"room_id":"${room}","user_id":"`,
  beforeContent: '","content":"',
  beforeTime: '","timestamp":"',
  afterTime: '"}\n',
};

export const messageHead = (room: string, user: string): string =>
  lineFrame.beforeUser(room) + user + lineFrame.beforeContent;

export const messageTail = (timestamp: string): string =>
  lineFrame.beforeTime + timestamp + lineFrame.afterTime;

/** `content` as it stands between the quotes of a JSON string. */
export function escapedContent(content: string): Slice {
  const bytes = Buffer.from(JSON.stringify(content));
  return { bytes, start: 1, end: bytes.length - 1 };
}

/** The JSON line of a message, with its line end. */
export const encodeMessage = (room: string, user: string, content: string, timestamp: string): string =>
  messageHead(room, user) + JSON.stringify(content).slice(1, -1) + messageTail(timestamp);

/** The messages of one section, oldest first. Throws an Error when it holds anything else. */
export function decodeMessages(payload: Uint8Array): ChatMessage[] {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8");
  // One parse of an array is twice as quick as a parse per line; JSON strings hold no raw line ends.
  const lines = text.endsWith("\n") ? text.slice(0, -1) : text;
  const messages: unknown = JSON.parse(`[${lines.replaceAll("\n", ",")}]`);
  for (const message of messages as ChatMessage[]) {
    if (
      typeof message?.user_id !== "string" ||
      typeof message.content !== "string" ||
      typeof message.timestamp !== "string" ||
      message.timestamp.length < 19
    ) {
      throw new Error("not a chat message");
    }
  }
  return messages as ChatMessage[];
}

/** `[10:00:00] alice: Hello` and a line end: what members see. */
export const liveLine = ({ timestamp, user_id, content }: ChatMessage): string =>
  `[${timestamp.slice(11, 19)}] ${user_id}: ${content}\n`;

/** `[2026-01-02 10:00:00] alice: Hello` and a line end: what `history` shows. */
export const historyLine = ({ timestamp, user_id, content }: ChatMessage): string =>
  `[${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}] ${user_id}: ${content}\n`;
