import { randomBytes } from "node:crypto";
import { roomIdProblem } from "./names.ts";

/** A batch is full at this many payload bytes, well under the 1 MiB that NATS takes, headers included. */
export const maxBatchBytes = 512 * 1024;
/** A batch is full at this many messages. */
export const maxBatchMessages = 4096;
/** A batch is full at this many rooms, so that its section index stays small too. */
export const maxBatchRooms = 1024;

/**
 * Who sent a batch, and its place in that sender's order. Counters of one producer and partition only grow,
 * and a partition publishes one batch at a time; so a room that has counter n holds no later batch's messages
 * that an earlier one could still lack.
 */
export type BatchId = {
  /** The server incarnation. */
  readonly producer: string;
  readonly partition: number;
  readonly counter: number;
};

/** A name for one run of a server process: 96 random bits as 16 characters that a subject and a header may hold. */
export const newIncarnation = (): string => randomBytes(12).toString("base64url");

export const formatBatchId = (id: BatchId): string => `${id.producer}.${id.partition}.${id.counter}`;

/** The id that `text` stands for; undefined if it is none. */
export function parseBatchId(text: string | undefined): BatchId | undefined {
  const match = /^([A-Za-z0-9_-]{16})\.(\d{1,4})\.(\d{1,15})$/.exec(text ?? "");
  if (match === null) return undefined;
  return { producer: match[1] as string, partition: Number(match[2]), counter: Number(match[3]) };
}

/** One room's part of a batch: JSON lines, in the order in which the server accepted them. */
export type Section = {
  readonly room: string;
  readonly messages: number;
  readonly payload: Uint8Array;
};

/** The index of a batch's payload: `<room>:<bytes>:<messages>`, comma-separated, in payload order. */
export const encodeSections = (
  sections: readonly { readonly room: string; readonly bytes: number; readonly messages: number }[],
): string => sections.map(({ room, bytes, messages }) => `${room}:${bytes}:${messages}`).join(",");

/** A batch that can never be routed; its message says why. */
export class UnroutableError extends Error {}

/** The sections of a batch, as views of its payload. Throws UnroutableError when index and payload disagree. */
export function decodeSections(index: string | undefined, payload: Uint8Array): Section[] {
  if (!index) throw new UnroutableError("the batch has no section index");
  const sections: Section[] = [];
  const rooms = new Set<string>();
  let offset = 0;
  for (const entry of index.split(",")) {
    const match = /^([^:]+):(\d{1,9}):(\d{1,9})$/.exec(entry);
    if (match === null) throw new UnroutableError(`the section index has a malformed entry "${entry}"`);
    const room = match[1] as string;
    const problem = roomIdProblem(room);
    if (problem !== undefined) throw new UnroutableError(`the batch names the room "${room}": ${problem}`);
    // Its second part would count as stored already.
    if (rooms.has(room)) throw new UnroutableError(`the section index names the room "${room}" twice`);
    rooms.add(room);
    const end = offset + Number(match[2]);
    if (end > payload.length) throw new UnroutableError("the sections are longer than the payload");
    sections.push({ room, messages: Number(match[3]), payload: payload.subarray(offset, end) });
    offset = end;
  }
  if (offset !== payload.length) throw new UnroutableError("the sections are shorter than the payload");
  return sections;
}
