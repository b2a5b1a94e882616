import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { startStore } from "../targets/store.ts";

/** Stores a payload under one of the stream's subjects; rejects when it is refused. */
export type Publish = (number: number, payload: Uint8Array) => Promise<void>;

/** Does `work` with a stream of a NATS that nobody else uses. `sync`: what is stored is on the disk before the answer. */
export async function withLimitStream<T>(sync: boolean, work: (publish: Publish) => Promise<T>): Promise<T> {
  const store = await startStore(sync);
  try {
    const nats = await connectNats(store.natsUrl, "bench", createLog("bench", "error"));
    try {
      const manager = await jetstreamManager(nats, { checkAPI: false });
      await manager.streams.add({
        name: "Limit",
        subjects: ["limit.*"],
        storage: StorageType.File,
        max_bytes: 2 ** 30,
        duplicate_window: 100_000_000,
      });
      return await work(async (number, payload) => {
        const answer = await nats.request(`limit.${number}`, payload, { timeout: 10_000 });
        if (answer.json<{ seq?: number }>().seq === undefined) {
          throw new Error(`a publish was refused: ${answer.string()}`);
        }
      });
    } finally {
      await nats.close();
    }
  } finally {
    await store.stop();
  }
}
