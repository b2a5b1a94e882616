import { type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { type BatchId, encodeSections, formatBatchId, newIncarnation } from "../../src/chat/batch.ts";
import { decodeMessages, encodeMessage } from "../../src/chat/message.ts";
import { partitionOf } from "../../src/chat/partition.ts";
import type { RoomLog } from "../../src/chat/room-log.ts";
import { decodeStoredNotice, type StoredNotice } from "../../src/chat/stored-notice.ts";
import { headers, ingressSubject, storedSubject } from "../../src/chat/subjects.ts";
import { newRoom } from "./cluster.ts";
import { eventually } from "./eventually.ts";

/** How many partitions the clusters of the tests have. */
export const partitions = 16;

/** Plays a chat server: batches with ids of its own choosing. */
export class Producer {
  readonly incarnation = newIncarnation();
  readonly #nats: NatsConnection;
  readonly #notices: StoredNotice[] = [];

  constructor(nats: NatsConnection) {
    this.#nats = nats;
    nats.subscribe(storedSubject(this.incarnation), {
      callback: (_, message) => {
        const notice = decodeStoredNotice(message.string());
        if (notice !== undefined) this.#notices.push(notice);
      },
    });
  }

  /** Puts a batch into the queue; `texts` by room, all of one partition. */
  async send(counter: number, texts: Record<string, string[]>, created = Date.now()): Promise<BatchId> {
    const rooms = Object.keys(texts);
    const partition = partitionOf(rooms[0] ?? "", partitions);
    const parts = rooms.map((room) =>
      Buffer.from(
        (texts[room] ?? [])
          .map((text) => encodeMessage(room, "robot", text, new Date().toISOString()))
          .join(""),
      ),
    );
    const id = { producer: this.incarnation, partition, counter };
    const all = newHeaders();
    all.set(headers.batch, formatBatchId(id));
    all.set(headers.created, String(created));
    all.set(
      headers.sections,
      encodeSections(
        rooms.map((room, index) => ({
          room,
          bytes: parts[index]?.length ?? 0,
          messages: texts[room]?.length ?? 0,
        })),
      ),
    );
    await eventually(async () => {
      const answer = await this.#nats.request(ingressSubject(partition), Buffer.concat(parts), {
        headers: all,
        timeout: 1000,
      });
      return answer.json<{ seq?: number }>().seq !== undefined;
    });
    return id;
  }

  /** The rooms that the notices about a batch speak of. */
  roomsTold(counter: number): string[] {
    const notices = this.#notices.filter((notice) => notice.counter === counter);
    return notices.flatMap(({ rooms }) => rooms.map(([room]) => room));
  }

  /** The `count`th notice about a batch. */
  notice(counter: number, count = 1): Promise<StoredNotice> {
    return eventually(
      () => this.#notices.filter((notice) => notice.counter === counter)[count - 1] ?? false,
      {
        milliseconds: 30_000,
      },
    );
  }
}

/** The texts in a room's log. */
export async function logged(log: RoomLog, room: string): Promise<string[]> {
  const texts: string[] = [];
  for (let next = 1; ; ) {
    const sections = await log.from(room, next);
    if (sections.length === 0) return texts;
    for (const section of sections) {
      texts.push(...decodeMessages(section.payload).map(({ content }) => content));
      next = section.sequence + 1;
    }
  }
}

/** Rooms that share a partition, so that one batch can be for all of them. */
export function roomsOfOnePartition(count: number): string[] {
  const first = newRoom();
  const wanted = partitionOf(first, partitions);
  const rooms = [first];
  for (let number = 0; rooms.length < count; number++) {
    const room = `${first}-${number}`;
    if (partitionOf(room, partitions) === wanted) rooms.push(room);
  }
  return rooms;
}
