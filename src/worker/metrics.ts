import type { Metrics } from "../platform/metrics.ts";

export type WorkerMetrics = ReturnType<typeof workerMetrics>;

export function workerMetrics(metrics: Metrics) {
  return {
    batches: metrics.counter("worker_batches_total", "Batches stored in their rooms"),
    messages: metrics.counter("worker_messages_stored_total", "Messages stored in their rooms"),
    batchMessages: metrics.histogram(
      "worker_batch_messages",
      "Messages per batch",
      [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000],
    ),
    storeSeconds: metrics.histogram("worker_store_seconds", "From taking a batch to having it stored"),
    redeliveries: metrics.counter("worker_redeliveries_total", "Batches that had been handed out before"),
    heldAlready: metrics.counter(
      "worker_held_already_total",
      "Parts of batches that their room held already",
    ),
    fenceRefusals: metrics.counter(
      "worker_fence_refusals_total",
      "Publishes that JetStream refused because the room had changed",
    ),
    storeRetries: metrics.counter("worker_store_retries_total", "Publishes that failed and were tried again"),
    returned: metrics.counter("worker_batches_returned_total", "Batches given back to the queue"),
    deadLetters: metrics.counter(
      "worker_dead_letters_total",
      "Batches set aside because they cannot be routed",
    ),
    lagSeconds: metrics.gauge(
      "queue_lag_seconds",
      "Age of the oldest batch in ChatIngress; NaN while it cannot be measured",
    ),
    lagBytes: metrics.gauge("queue_lag_bytes", "Bytes in ChatIngress; NaN while they cannot be measured"),
  };
}
