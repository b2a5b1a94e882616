import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encodeMessage } from "../../src/chat/message.ts";
import { loadText } from "../protocols/text.ts";
import { median } from "../report/numbers.ts";
import { textBytes } from "../workloads.ts";
import { withLimitStream } from "./limit-stream.ts";

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

function jetstreamPublish(sync: boolean, seconds: number): Promise<number> {
  const line = encodeMessage("bench-00", "n00000", loadText(0, 0, textBytes), new Date().toISOString());
  const payload = Buffer.from(line);
  return withLimitStream(sync, (publish) => medianOf(seconds, () => publish(0, payload)));
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
