import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import { encodeMessage } from "../../src/chat/message.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { loadText } from "../protocols/text.ts";
import { startStore } from "../targets/store.ts";
import { textBytes } from "../workloads.ts";

const partitions = 4;
/** As many as all partitions' publishers together have under way. */
const inFlight = 2 * partitions;

/**
 * Messages a second that JetStream stores when a Node.js process does nothing but publish them, asynchronously,
 * as the same bytes in batches of the same size as a chat server makes.
 */
export async function publishRate(messagesPerBatch: number, sync: boolean, seconds: number): Promise<number> {
  const store = await startStore(sync);
  try {
    const nats = await connectNats(store.natsUrl, "bench", createLog("bench", "error"));
    const manager = await jetstreamManager(nats, { checkAPI: false });
    await manager.streams.add({
      name: "Limit",
      subjects: ["limit.*"],
      storage: StorageType.File,
      max_bytes: 2 ** 30,
      duplicate_window: 100_000_000,
    });
    const line = encodeMessage("bench-00", "n00000", loadText(0, 0, textBytes), new Date().toISOString());
    const payload = Buffer.from(line.repeat(messagesPerBatch));
    let stored = 0;
    const started = performance.now();
    const deadline = started + seconds * 1000;
    await Promise.all(
      Array.from({ length: inFlight }, async (_, number) => {
        while (performance.now() < deadline) {
          const answer = await nats.request(`limit.${number % partitions}`, payload, { timeout: 10_000 });
          const { seq } = answer.json<{ seq?: number }>();
          if (seq === undefined) throw new Error(`a publish was refused: ${answer.string()}`);
          stored += messagesPerBatch;
        }
      }),
    );
    const rate = stored / ((performance.now() - started) / 1000);
    await nats.close();
    return rate;
  } finally {
    await store.stop();
  }
}
