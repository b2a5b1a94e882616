import { headers as newHeaders } from "@nats-io/transport-node";
import { formatBatchId, newIncarnation } from "../../src/chat/batch.ts";
import { encodeEarlier, maxEarlier } from "../../src/chat/earlier.ts";
import { encodeMessage } from "../../src/chat/message.ts";
import { partitionOf } from "../../src/chat/partition.ts";
import { encodeProducers } from "../../src/chat/producers.ts";
import { headers, roomSubject } from "../../src/chat/subjects.ts";
import type { LocalCluster } from "../../src/local/cluster.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";

const inFlight = 500;

/** Stores messages as workers would that get them one by one: the longest walk there is for a room's history. */
export async function fill({ natsUrl, spec }: LocalCluster, rooms: number, messages: number): Promise<void> {
  const nats = await connectNats(natsUrl, "bench", createLog("bench", "error"));
  const producer = newIncarnation();
  const stored = Array.from({ length: rooms }, (): number[] => []);
  // Rooms take turns, so that a room's messages lie as far from each other as can be.
  for (let first = 0; first < messages; first += inFlight) {
    await Promise.all(
      Array.from({ length: Math.min(inFlight, messages - first) }, async (_, offset) => {
        const counter = first + offset;
        const index = counter % rooms;
        const room = `room-${index}`;
        const all = newHeaders();
        const before = stored[index] ?? [];
        all.set("Nats-Expected-Last-Subject-Sequence", String(before[0] ?? 0));
        if (before.length > 1) all.set(headers.earlier, encodeEarlier(before[0] ?? 0, before.slice(1)));
        const partition = partitionOf(room, spec.workers.partitions);
        all.set(headers.batch, formatBatchId({ producer, partition, counter }));
        all.set(
          headers.producers,
          encodeProducers(new Map([[producer, { counter, ingressTime: Date.now() }]])),
        );
        const text = `${counter} ${"x".repeat(64)}`.slice(0, 64);
        const line = encodeMessage(room, "robot", text, new Date().toISOString());
        const answer = await nats.request(roomSubject(room), line, { headers: all, timeout: 30_000 });
        const { seq } = answer.json<{ seq?: number }>();
        if (seq === undefined) throw new Error(`a message was refused: ${answer.string()}`);
        stored[index] = [seq, ...before.slice(0, maxEarlier)];
      }),
    );
  }
  await nats.close();
}
