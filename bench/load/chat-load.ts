import { runLoad } from "./run-load.ts";

export type ChatLoadOptions = {
  readonly host: string;
  readonly port: number;
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** How many members of a room send; the others only receive. */
  readonly sendersPerRoom: number;
  /** Messages that a sender has open at once. */
  readonly window: number;
  /** Bytes of a message's text. */
  readonly messageBytes: number;
  readonly messagesPerSender: number;
  /** Distinguishes the rooms of one run from another's on the same cluster. */
  readonly prefix: string;
};

export type ChatLoadResult = {
  readonly messages: number;
  readonly deliveries: number;
  /** What was wrong, in words; empty when every member got every message once and in the same order. */
  readonly faults: readonly string[];
};

/** A fixed number of messages of each sender, every delivery checked; for tests. */
export async function runChatLoad(options: ChatLoadOptions): Promise<ChatLoadResult> {
  const { checked, faults } = await runLoad({
    protocol: "chat",
    host: options.host,
    port: options.port,
    rooms: Array.from({ length: options.rooms }, (_, index) => `${options.prefix}-${index}`),
    members: options.membersPerRoom,
    senders: options.sendersPerRoom,
    pace: { window: options.window, messagesPerSender: options.messagesPerSender },
    textBytes: options.messageBytes,
    warmupSeconds: 0,
    seconds: 600,
  });
  return { ...checked, faults };
}
