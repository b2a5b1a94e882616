import type { JetStreamManager } from "@nats-io/jetstream";
import { ingressStream } from "../chat/subjects.ts";

export type QueueLag = { readonly seconds: number; readonly bytes: number };

/**
 * How far storing lags behind accepting: the age of ChatIngress's oldest message and the bytes in it. A
 * work-queue stream holds only what waits. Asked of the stream's leader; rejects when that does not answer.
 */
export async function measureQueueLag(jetstream: JetStreamManager): Promise<QueueLag> {
  const { state } = await jetstream.streams.info(ingressStream);
  const oldest = Date.parse(String(state.first_ts));
  return {
    seconds: state.messages === 0 ? 0 : Math.max(0, (Date.now() - oldest) / 1000),
    bytes: state.bytes,
  };
}
