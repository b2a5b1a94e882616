import type { JetStreamManager } from "@nats-io/jetstream";
import { ingressStream } from "./subjects.ts";

export type QueueLag = { readonly seconds: number; readonly bytes: number };

/**
 * How far storing lags behind accepting: the age of ChatIngress's oldest message, by the clock of NATS, and the bytes
 * in it. A work-queue stream holds only what waits. Asked of the stream's leader; rejects when that does not answer.
 */
export async function measureQueueLag(jetstream: JetStreamManager): Promise<QueueLag> {
  const { state, ts: now } = await jetstream.streams.info(ingressStream);
  if (state.messages === 0) return { seconds: 0, bytes: 0 };
  const age = Date.parse(String(now)) - Date.parse(String(state.first_ts));
  if (Number.isNaN(age)) throw new Error(`${ingressStream} does not say since when its messages wait`);
  return { seconds: Math.max(0, age / 1000), bytes: state.bytes };
}
