import { type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import {
  encodeSections,
  formatBatchId,
  maxBatchBytes,
  maxBatchMessages,
  newIncarnation,
} from "../../src/chat/batch.ts";
import { encodeMessage } from "../../src/chat/message.ts";
import { headers, ingressSubject } from "../../src/chat/subjects.ts";
import { loadText, sequenceDigits, sequenceStart, writeNumber } from "../protocols/text.ts";
import { hotRoomNames, textBytes } from "../workloads.ts";

const roomsPerPartition = 4;
/** Where a line of a message has its text; names of one length make that the same in all. */
const roomName = (name: string): string => name.padEnd(16, "_");

export type FullBatches = {
  readonly lineBytes: number;
  readonly textStart: number;
  readonly messagesPerRoom: number;
  /** Messages that each room has been sent. */
  readonly sent: ReadonlyMap<string, number>;
  /** Puts so many batches into each partition's queue, full ones. */
  fill(batches: number): Promise<void>;
};

/** Makes full batches as a chat server would, every room's messages numbered. */
export function fullBatches(nats: NatsConnection, partitions: number): FullBatches {
  const producer = newIncarnation();
  const line = encodeMessage(roomName(""), "n00000", loadText(0, 0, textBytes), new Date().toISOString());
  const lineBytes = line.length;
  const textStart = line.indexOf(loadText(0, 0, textBytes));
  const messages = Math.min(maxBatchMessages, Math.floor(maxBatchBytes / lineBytes));
  const messagesPerRoom = Math.floor(messages / roomsPerPartition);
  const rooms = Array.from({ length: partitions }, (_, partition) =>
    hotRoomNames(roomsPerPartition, "s", partitions, partition, roomName),
  );
  const sent = new Map(rooms.flat().map((room) => [room, 0]));
  const payloads = rooms.map((own) =>
    Buffer.concat(own.map((room) => Buffer.from(line.replace(roomName(""), room).repeat(messagesPerRoom)))),
  );
  const counters = new Array<number>(partitions).fill(0);

  const publish = async (partition: number): Promise<void> => {
    const own = rooms[partition] ?? [];
    const payload = payloads[partition] as Buffer;
    for (const [index, room] of own.entries()) {
      const first = sent.get(room) ?? 0;
      for (let number = 0; number < messagesPerRoom; number++) {
        const start = (index * messagesPerRoom + number) * lineBytes + textStart + sequenceStart;
        writeNumber(payload, start, sequenceDigits, first + number);
      }
      sent.set(room, first + messagesPerRoom);
    }
    const all = newHeaders();
    const counter = (counters[partition] ?? 0) + 1;
    counters[partition] = counter;
    all.set(headers.batch, formatBatchId({ producer, partition, counter }));
    all.set(headers.created, String(Date.now()));
    const bytes = messagesPerRoom * lineBytes;
    all.set(
      headers.sections,
      encodeSections(own.map((room) => ({ room, bytes, messages: messagesPerRoom }))),
    );
    const answer = await nats.request(ingressSubject(partition), payload, { headers: all, timeout: 30_000 });
    const { error } = answer.json<{ error?: { description: string } }>();
    if (error !== undefined) throw new Error(`the queue refused a batch: ${error.description}`);
  };
  return {
    ...{ lineBytes, textStart, messagesPerRoom, sent },
    async fill(batches) {
      await Promise.all(
        rooms.map(async (_, partition) => {
          for (let batch = 0; batch < batches; batch++) await publish(partition);
        }),
      );
    },
  };
}
