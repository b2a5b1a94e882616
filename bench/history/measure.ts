import { historyLength } from "../../src/chat/message.ts";
import type { ChatCluster } from "../../src/cluster/chat-cluster.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { startLocalCluster } from "../../src/local/cluster.ts";
import { Histogram } from "../load/histogram.ts";
import { builtRole } from "../targets/built-role.ts";
import { removeFolder, tempFolder } from "../targets/temp-folder.ts";
import { askOnce } from "./ask.ts";
import { fill } from "./fill.ts";

export type ColdHistoryOptions = {
  readonly rooms: number;
  readonly messages: number;
  /** How many rooms are asked. */
  readonly samples: number;
  readonly say: (line: string) => void;
};

export type ColdHistory = {
  readonly fillSeconds: number;
  readonly asked: readonly {
    readonly sync: boolean;
    readonly clients: number;
    readonly latencies: Histogram;
  }[];
};

const clusterWith = (syncAlways: boolean): ChatCluster =>
  checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "bench" },
    spec: {
      nats: { replicas: 1, storage: { size: "8Gi" }, syncAlways },
      rooms: { retention: { maxBytes: "4Gi" } },
      server: { replicas: 1, limits: { messagesPerSecond: 0 } },
    },
  });

/**
 * Fills ChatRooms with messages of many rooms, starts the cluster anew, and measures what a member waits for who
 * asks for a room's history: each room is asked once, so that it is cold.
 */
export async function measureColdHistory({
  rooms,
  messages,
  samples,
  say,
}: ColdHistoryOptions): Promise<ColdHistory> {
  const dataFolder = tempFolder();
  const start = (sync: boolean) =>
    startLocalCluster({ cluster: clusterWith(sync), dataFolder, port: 0, roleCommand: builtRole });
  try {
    const filled = await start(false);
    const started = performance.now();
    await fill(filled, rooms, messages).finally(() => filled.stop());
    const fillSeconds = (performance.now() - started) / 1000;
    say(`G: ${messages} messages in ${rooms} rooms stored in ${Math.round(fillSeconds)} s`);
    const asked: { sync: boolean; clients: number; latencies: Histogram }[] = [];
    for (const sync of [false, true]) {
      for (const clients of [1, 8]) {
        const running = await start(sync);
        const latencies = new Histogram();
        try {
          let next = 0;
          await Promise.all(
            Array.from({ length: clients }, async () => {
              for (let sample = next++; sample < samples; sample = next++) {
                // A stride that meets every room once.
                const room = `room-${(sample * 7919) % rooms}`;
                const expected = Math.min(historyLength, Math.floor(messages / rooms));
                latencies.add(await askOnce(running.port, room, expected));
              }
            }),
          );
        } finally {
          await running.stop();
        }
        asked.push({ sync, clients, latencies });
        const [p50, p99] = [0.5, 0.99].map((share) => latencies.percentile(share).toFixed(1));
        say(
          `G: cold history, ${sync ? "fsync" : "no fsync"}, ${clients} at once: p50 ${p50} ms, p99 ${p99} ms, ` +
            `longest ${latencies.longest.toFixed(0)} ms (${samples} rooms)`,
        );
      }
    }
    return { fillSeconds, asked };
  } finally {
    removeFolder(dataFolder);
  }
}
