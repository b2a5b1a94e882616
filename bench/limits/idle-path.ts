import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { encodeMessage } from "../../src/chat/message.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { loadText } from "../protocols/text.ts";
import { median } from "../report/numbers.ts";
import { startStore } from "../targets/store.ts";
import { textBytes } from "../workloads.ts";

/** Time between two tries, in milliseconds: nothing is warm, and processors sleep in between. */
const pause = 10;

/**
 * The least that a message's way can take on an idle machine, in milliseconds: a TCP round trip between two Node.js
 * processes, and two JetStream publishes, one after the other. Each is the median of `seconds` of tries.
 */
export async function idlePath(sync: boolean, seconds: number): Promise<number> {
  return (await tcpRoundTrip(seconds)) + 2 * (await jetstreamPublish(sync, seconds));
}

async function tcpRoundTrip(seconds: number): Promise<number> {
  const child = fork(fileURLToPath(new URL("./echo-server.ts", import.meta.url)));
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const message = Buffer.alloc(textBytes, "x");
    const taken = await medianOf(seconds, async () => {
      socket.write(message);
      await once(socket, "data");
    });
    socket.destroy();
    return taken;
  } finally {
    child.disconnect();
  }
}

async function jetstreamPublish(sync: boolean, seconds: number): Promise<number> {
  const store = await startStore(sync);
  let connection: NatsConnection | undefined;
  try {
    const nats = await connectNats(store.natsUrl, "bench", createLog("bench", "error"));
    connection = nats;
    const manager = await jetstreamManager(nats, { checkAPI: false });
    await manager.streams.add({ name: "Limit", subjects: ["limit"], storage: StorageType.File });
    const text = loadText(0, 0, textBytes);
    const message = encodeMessage("bench-00", "n00000", text, new Date().toISOString());
    return await medianOf(seconds, async () => {
      const answer = await nats.request("limit", message, { timeout: 10_000 });
      if (answer.json<{ seq?: number }>().seq === undefined) throw new Error(answer.string());
    });
  } finally {
    await connection?.close();
    await store.stop();
  }
}

async function medianOf(seconds: number, work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (const deadline = performance.now() + seconds * 1000; performance.now() < deadline; ) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
    await delay(pause);
  }
  return median(times);
}
