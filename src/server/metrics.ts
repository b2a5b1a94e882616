import type { Metrics } from "../platform/metrics.ts";

export type ServerMetrics = ReturnType<typeof serverMetrics>;

export function serverMetrics(metrics: Metrics) {
  const counted = makeMetrics(metrics);
  // A series that begins with its first event hides that event from rate().
  for (const outcome of ["refused", "unknown"] as const) counted.failed.inc({ outcome }, 0);
  for (const reason of ["slow", "join timeout"] as const) counted.closed.inc({ reason }, 0);
  return counted;
}

function makeMetrics(metrics: Metrics) {
  return {
    accepted: metrics.tally("messages_accepted_total", "Messages taken from senders"),
    stored: metrics.tally("messages_stored_total", "Messages of this server's senders that are stored"),
    failed: metrics.counter("messages_failed_total", "Messages whose sender was shown an error", ["outcome"]),
    delivered: metrics.tally(
      "messages_delivered_total",
      "Deliveries: messages times the members they went to",
    ),
    batchMessages: metrics.histogram(
      "batch_messages",
      "Messages per batch that entered the queue",
      [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000],
    ),
    publishSeconds: metrics.histogram("publish_seconds", "From publishing a batch to the queue's answer"),
    publishRetries: metrics.counter("publish_retries_total", "Publishes of a batch that were tried again"),
    deliverySeconds: metrics.histogram(
      "delivery_seconds",
      "From accepting a message to its echo, per batch and room",
    ),
    gapRepairs: metrics.counter(
      "gap_repairs_total",
      "Times that a room's missed messages were read from its log",
    ),
    unavailable: metrics.counter(
      "messages_unavailable_total",
      "Times that members were told that messages are no longer available",
    ),
    roomRestarts: metrics.counter("room_restarts_total", "Rooms whose stream turned out to be a new one"),
    foreign: metrics.counter(
      "foreign_messages_total",
      "Messages in rooms that no worker stored there, set aside",
    ),
    connectionsTotal: metrics.counter("connections_total", "Connections accepted"),
    connectionsRefused: metrics.counter("connections_refused_total", "Connections refused at the limit"),
    closed: metrics.counter("connections_closed_total", "Connections closed by the server", ["reason"]),
    ratePauses: metrics.counter("rate_pauses_total", "Times that reading from a too fast sender paused"),
    bufferPauses: metrics.counter(
      "buffer_pauses_total",
      "Times that reading paused because a buffer was full",
    ),
    answerPauses: metrics.counter(
      "answer_pauses_total",
      "Times that reading paused because the client had yet to read its answers",
    ),
    badLines: metrics.counter("bad_lines_total", "Lines that were refused", ["reason"]),
  };
}
