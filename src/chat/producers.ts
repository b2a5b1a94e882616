import type { BatchId } from "./batch.ts";

/**
 * What a room has from each producer: the counter of the latest batch, and when that batch entered
 * ChatIngress (milliseconds, by that stream's clock). It travels in a header of every stored message, so
 * that whether a batch is stored already can be read off the room itself, however long ago it was.
 */
export type ProducerCounters = ReadonlyMap<
  string,
  { readonly counter: number; readonly ingressTime: number }
>;

/** A producer's entry is dropped only when the batch at hand entered the queue this much later, in ms. */
export const producerLifetime = 3_600_000;
/**
 * A room remembers this many producers at most; the ones heard of longest ago go first. Two copies of a batch stand in
 * the queue within the 10 s of a send, so that what is needed are the producers of such a time: the servers of a
 * cluster (100 at most) and the runs before their restarts.
 */
export const maxProducers = 256;

/** Whether a room with these counters holds its part of the batch already. */
export const holds = (counters: ProducerCounters, id: BatchId): boolean =>
  (counters.get(id.producer)?.counter ?? -1) >= id.counter;

/** The counters of a room after it has stored its part of batch `id`. */
export function withBatch(counters: ProducerCounters, id: BatchId, ingressTime: number): ProducerCounters {
  const next = new Map<string, { counter: number; ingressTime: number }>();
  for (const [producer, entry] of counters) {
    if (producer !== id.producer && ingressTime - entry.ingressTime <= producerLifetime)
      next.set(producer, entry);
  }
  while (next.size >= maxProducers) {
    let oldest: string | undefined;
    for (const [producer, entry] of next) {
      if (oldest === undefined || entry.ingressTime < (next.get(oldest)?.ingressTime ?? 0)) oldest = producer;
    }
    if (oldest !== undefined) next.delete(oldest);
  }
  return next.set(id.producer, { counter: id.counter, ingressTime });
}

/** `<producer>:<counter>:<ingress time>`, comma-separated, both numbers in base 36. */
export function encodeProducers(counters: ProducerCounters): string {
  let text = "";
  for (const [producer, { counter, ingressTime }] of counters) {
    text += `${text === "" ? "" : ","}${producer}:${counter.toString(36)}:${ingressTime.toString(36)}`;
  }
  return text;
}

/** The counters that `text` stands for; undefined if it is malformed. */
export function decodeProducers(text: string | undefined): ProducerCounters | undefined {
  if (!text) return undefined;
  const counters = new Map<string, { counter: number; ingressTime: number }>();
  for (const entry of text.split(",")) {
    const [producer = "", counterText = "", timeText = ""] = entry.split(":");
    const counter = Number.parseInt(counterText, 36);
    const ingressTime = Number.parseInt(timeText, 36);
    if (producer === "" || !Number.isSafeInteger(counter) || !Number.isSafeInteger(ingressTime))
      return undefined;
    counters.set(producer, { counter, ingressTime });
  }
  return counters;
}
