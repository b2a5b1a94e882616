import { encodeMessage } from "../../src/chat/message.ts";
import { loadText } from "../protocols/text.ts";
import { textBytes, upPartitions } from "../workloads.ts";
import { withLimitStream } from "./limit-stream.ts";

/** As many as all partitions' publishers together have under way. */
export const inFlight = 2 * upPartitions;

/**
 * Messages a second that JetStream stores when a Node.js process does nothing but publish them, asynchronously,
 * as the same bytes in batches of the same size as a chat server makes.
 */
export function publishRate(messagesPerBatch: number, sync: boolean, seconds: number): Promise<number> {
  const line = encodeMessage("bench-00", "n00000", loadText(0, 0, textBytes), new Date().toISOString());
  const payload = Buffer.from(line.repeat(messagesPerBatch));
  return withLimitStream(sync, async (publish) => {
    let stored = 0;
    const started = performance.now();
    const deadline = started + seconds * 1000;
    await Promise.all(
      Array.from({ length: inFlight }, async (_, number) => {
        while (performance.now() < deadline) {
          await publish(number % upPartitions, payload);
          stored += messagesPerBatch;
        }
      }),
    );
    return stored / ((performance.now() - started) / 1000);
  });
}
