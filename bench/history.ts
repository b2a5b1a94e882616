// Cold `history`: fills ChatRooms with messages of many rooms, each message stored by itself (the longest walk
// there is), starts the cluster anew, and measures what a member waits for. `npm run bench:history [rooms] [messages]`
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { headers as newHeaders } from "@nats-io/transport-node";
import { formatBatchId, newIncarnation } from "../src/chat/batch.ts";
import { encodeEarlier, maxEarlier } from "../src/chat/earlier.ts";
import { encodeMessage } from "../src/chat/message.ts";
import { partitionOf } from "../src/chat/partition.ts";
import { encodeProducers } from "../src/chat/producers.ts";
import { headers, roomSubject } from "../src/chat/subjects.ts";
import { checkChatCluster } from "../src/cluster/spec.ts";
import { type LocalCluster, startLocalCluster } from "../src/local/cluster.ts";
import { createLog } from "../src/platform/log.ts";
import { connectNats } from "../src/platform/nats.ts";
import { Latencies } from "./load/latencies.ts";

const rooms = Number(process.argv[2] ?? 10_000);
const messages = Number(process.argv[3] ?? 1_000_000);
const samples = 2000;
const inFlight = 500;

const cluster = checkChatCluster({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name: "bench" },
  spec: {
    nats: { replicas: 1, storage: { size: "8Gi" }, syncAlways: false },
    rooms: { retention: { maxBytes: "4Gi" } },
    server: { replicas: 1, limits: { messagesPerSecond: 0 } },
  },
});

async function fill({ natsUrl }: LocalCluster): Promise<void> {
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
        all.set(
          headers.batch,
          formatBatchId({ producer, partition: partitionOf(room, cluster.spec.workers.partitions), counter }),
        );
        all.set(
          headers.producers,
          encodeProducers(new Map([[producer, { counter, ingressTime: Date.now() }]])),
        );
        const text = `${counter} ${"x".repeat(64)}`.slice(0, 64);
        const line = encodeMessage(room, "robot", text, new Date().toISOString());
        const answer = await nats.request(roomSubject(room), line, { headers: all, timeout: 30_000 });
        stored[index] = [answer.json<{ seq: number }>().seq, ...before.slice(0, maxEarlier)];
      }),
    );
  }
  await nats.close();
}

/** Milliseconds from asking for a room's history to its last line. */
async function askOnce(port: number, room: string): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  await once(socket, "connect");
  let text = "";
  let wake = (): void => {};
  socket.on("data", (chunk) => {
    text += chunk;
    wake();
  });
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };
  socket.write(`join ${room} reader\n`);
  await until(() => text.includes("Joined room"));
  text = "";
  const expected = Math.min(100, Math.floor(messages / rooms));
  const started = performance.now();
  socket.write("history\n");
  await until(() => text.split("\n").length > expected);
  const waited = performance.now() - started;
  socket.destroy();
  return waited;
}

const folder = mkdtempSync(join(tmpdir(), "disroom-bench-"));
try {
  let running = await startLocalCluster({ cluster, dataFolder: folder, port: 0 });
  const started = performance.now();
  await fill(running);
  console.log(
    `${messages} messages in ${rooms} rooms stored in ${Math.round((performance.now() - started) / 1000)} s`,
  );
  await running.stop();
  for (const clients of [1, 8]) {
    running = await startLocalCluster({ cluster, dataFolder: folder, port: 0 });
    const latencies = new Latencies();
    let next = 0;
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let sample = next++; sample < samples; sample = next++) {
          // A stride that meets every room once: each is cold.
          latencies.add(await askOnce(running.port, `room-${(sample * 7919) % rooms}`));
        }
      }),
    );
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => latencies.percentile(share).toFixed(1));
    console.log(
      `cold history, ${clients} at once: p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms (${samples} rooms)`,
    );
    await running.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
