import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { type BatchId, parseBatchId } from "./batch.ts";
import { decodeEarlier } from "./earlier.ts";
import { headers, roomSubject, roomsStream } from "./subjects.ts";

/** What one ChatRooms message is to those who read it: a room's part of one batch. */
export type StoredSection = {
  readonly sequence: number;
  /** The sequence of the room's message before this one; 0 when it is the first; undefined when unknown. */
  readonly previous: number | undefined;
  /** Sequences of the room's sections before `previous`, newest first, as far as this one knows them. */
  readonly earlier: readonly number[];
  /** Undefined in what no worker of ours has stored. */
  readonly batch: BatchId | undefined;
  /** As encodeProducers writes them. */
  readonly producers: string | undefined;
  /** When it was stored, by the stream's clock, in milliseconds since the epoch. */
  readonly time: number;
  /** All that it carries, those of NATS too. */
  readonly headers?: MsgHdrs;
  readonly payload: Uint8Array;
};

/** How long one read may take, in milliseconds. */
export const requestTimeout = 2000;
// The fence that a worker published with: it was the room's last sequence then, so it points back to it.
const expectedSequence = "Nats-Expected-Last-Subject-Sequence";

function sequenceHeader(all: MsgHdrs, name: string): number | undefined {
  const text = all.get(name);
  return text === "" ? undefined : Number(text);
}

const storedTime = (all: MsgHdrs): number => Date.parse(all.get("Nats-Time-Stamp"));

function fromHeaders(
  all: MsgHdrs,
  sequence: number,
  previous: number | undefined,
  time: number,
  payload: Uint8Array,
): StoredSection {
  return {
    sequence,
    previous,
    earlier: previous === undefined ? [] : decodeEarlier(previous, all.get(headers.earlier)),
    batch: parseBatchId(all.get(headers.batch)),
    producers: all.get(headers.producers),
    headers: all,
    time,
    payload,
  };
}

/** The section that arrived on `live.<room>`; undefined when it is not one that ChatRooms republished. */
export function fromLive(message: Msg): StoredSection | undefined {
  const all = message.headers;
  const sequence = all && sequenceHeader(all, "Nats-Sequence");
  if (all === undefined || sequence === undefined) return undefined;
  return fromHeaders(all, sequence, sequenceHeader(all, "Nats-Last-Sequence"), storedTime(all), message.data);
}

/** Where the message before a stored one is. Who is no worker of ours may have expected anything. */
const backPointer = (all: MsgHdrs): number | undefined =>
  all.has(headers.batch) ? sequenceHeader(all, expectedSequence) : undefined;

/** The section that a direct get returned with its position in headers. */
const fromDirect = (message: Msg, all: MsgHdrs): StoredSection =>
  fromHeaders(all, Number(all.get("Nats-Sequence")), backPointer(all), storedTime(all), message.data);

function fromStored({ header, seq, time, data }: StoredMsg): StoredSection {
  return header === undefined
    ? {
        sequence: seq,
        previous: undefined,
        earlier: [],
        batch: undefined,
        producers: undefined,
        time: +time,
        payload: data,
      }
    : fromHeaders(header, seq, backPointer(header), +time, data);
}

/** Reads the ChatRooms stream. Every method rejects when NATS does not answer in time. */
export class RoomLog {
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamManager;

  constructor(connection: NatsConnection, jetstream: JetStreamManager) {
    this.#connection = connection;
    this.#jetstream = jetstream;
  }

  /** When the stream was created and its last sequence, by its leader. */
  async state(): Promise<{ created: string; lastSequence: number }> {
    const info = await this.#jetstream.streams.info(roomsStream);
    return { created: String(info.created), lastSequence: info.state.last_seq };
  }

  /** The room's last section, by the stream's leader; undefined when the room has none. */
  async last(room: string): Promise<StoredSection | undefined> {
    const found = await this.#jetstream.streams.getMessage(roomsStream, { last_by_subj: roomSubject(room) });
    return found === null ? undefined : fromStored(found);
  }

  /** The room's section at `sequence`; undefined when retention has removed it, or it is another room's. */
  async at(room: string, sequence: number): Promise<StoredSection | undefined> {
    const found =
      (await this.#jetstream.direct.getMessage(roomsStream, { seq: sequence })) ??
      // A replica that lags has no answer where the leader has one.
      (await this.#jetstream.streams.getMessage(roomsStream, { seq: sequence }));
    return found?.subject === roomSubject(room) ? fromStored(found) : undefined;
  }

  /** Some of the room's sections from `sequence` on, oldest first; a replica that lags may end too early. */
  async from(room: string, sequence: number): Promise<StoredSection[]> {
    const { messages } = await this.#directGetMany({
      seq: sequence,
      next_by_subj: roomSubject(room),
      batch: 256,
      max_bytes: 2 * 1024 * 1024,
    });
    return messages.map((message) => fromDirect(message, message.headers as MsgHdrs));
  }

  /** The room's last section before `sequence`, found without its back-pointer; undefined when there is none. */
  async before(room: string, sequence: number): Promise<StoredSection | undefined> {
    let found: StoredSection | undefined;
    for (;;) {
      const sections = await this.from(room, (found?.sequence ?? 0) + 1);
      const earlier = sections.filter((section) => section.sequence < sequence);
      found = earlier.at(-1) ?? found;
      if (earlier.length < sections.length || sections.length === 0) return found;
    }
  }

  /**
   * The last sequences of up to 1,000 rooms, by any replica; rooms without one are left out. `upTo` is the last
   * sequence that the replica had of the whole stream, 0 where it does not say so.
   */
  async lastSequences(rooms: readonly string[]): Promise<{ sequences: Map<string, number>; upTo: number }> {
    const { messages, end } = await this.#directGetMany({ multi_last: rooms.map(roomSubject) });
    const sequences = new Map<string, number>();
    for (const { headers: all } of messages) {
      const room = all?.get("Nats-Subject").slice("room.".length);
      if (room) sequences.set(room, Number(all?.get("Nats-Sequence")));
    }
    return { sequences, upTo: Number(end.headers?.get("Nats-UpTo-Sequence") || 0) };
  }

  /** The room's first section from `sequence` on, by the stream's leader; undefined without one. */
  async next(room: string, sequence: number): Promise<StoredSection | undefined> {
    const query = { seq: sequence, next_by_subj: roomSubject(room) };
    const found = await this.#jetstream.streams.getMessage(roomsStream, query);
    return found === null ? undefined : fromStored(found);
  }

  /** One direct get that many messages answer; an empty one with a status ends them. */
  async #directGetMany(request: object): Promise<{ messages: Msg[]; end: Msg }> {
    const answers = await this.#connection.requestMany(
      `$JS.API.DIRECT.GET.${roomsStream}`,
      JSON.stringify(request),
      { strategy: "sentinel", maxWait: requestTimeout },
    );
    const messages: Msg[] = [];
    let end: Msg | undefined;
    for await (const answer of answers) {
      const code = answer.headers?.code ?? 0;
      // A message without a payload, which somebody else has stored, is taken for the end; the rest is read next.
      if (answer.data.length === 0) end = answer;
      if (code === 0) messages.push(answer);
      else if (code !== 204 && code !== 404) {
        throw new Error(`reading ${roomsStream} failed: ${code} ${answer.headers?.description}`);
      }
    }
    if (end === undefined) throw new Error(`reading ${roomsStream} took too long`);
    return { messages, end };
  }
}
