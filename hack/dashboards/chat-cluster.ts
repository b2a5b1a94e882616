import type { Dashboard, Panel } from "./grafana.ts";
import { queriesOf } from "./queries.ts";

const { of, rate, quantiles, quantile, processes } = queriesOf('namespace="$namespace",name="$cluster"');

// Each operator tells the same of a ChatCluster.
const wanted = (part: string): string =>
  `max(${of("disroom_chatcluster_wanted_replicas", `part="${part}"`)})`;
const ready = (part: string): string => `max(${of("disroom_chatcluster_ready_replicas", `part="${part}"`)})`;
/** The operator tells the sum of them under the same name. */
const connections = of("disroom_connections", 'role="server"');
const lag = `max(${of("disroom_queue_lag_seconds")})`;

const now: Panel[] = [
  {
    title: "Ready",
    description: "Whether people can chat, as the operator sees it.",
    unit: "bool_yes_no",
    now: true,
    queries: [{ expr: `max(${of("disroom_chatcluster_condition", 'type="Ready"')})`, legend: "ready" }],
  },
  {
    title: "Connections",
    description: "People's connections to all servers.",
    unit: "short",
    now: true,
    queries: [{ expr: `sum(${connections})`, legend: "connections" }],
  },
  {
    title: "Messages per second",
    description: "Messages that are stored.",
    unit: "short",
    now: true,
    queries: [{ expr: rate("disroom_messages_stored_total"), legend: "messages" }],
  },
  {
    title: "Deliveries per second",
    description: "Messages times the members they go to.",
    unit: "short",
    now: true,
    queries: [{ expr: rate("disroom_messages_delivered_total"), legend: "deliveries" }],
  },
  {
    title: "From typing to appearing, p99",
    description: "From accepting a message to its echo: all but one in a hundred are as quick.",
    unit: "s",
    now: true,
    queries: [{ expr: quantile(0.99, "disroom_delivery_seconds"), legend: "p99" }],
  },
  {
    title: "Lag",
    description: "Age of the oldest message that waits in the queue.",
    unit: "s",
    now: true,
    queries: [{ expr: lag, legend: "lag" }],
  },
];

const people: Panel[] = [
  {
    title: "Messages per second",
    description:
      "What senders sent, and what came of it. Accepted and stored lie on each other when all is well.",
    unit: "short",
    queries: [
      { expr: rate("disroom_messages_accepted_total"), legend: "accepted" },
      { expr: rate("disroom_messages_stored_total"), legend: "stored" },
      { expr: rate("disroom_messages_failed_total", "outcome"), legend: "{{outcome}}" },
    ],
  },
  {
    title: "Deliveries per second",
    description: "Messages times the members they went to, by server.",
    unit: "short",
    queries: [{ expr: rate("disroom_messages_delivered_total", "pod"), legend: "{{pod}}" }],
  },
  {
    title: "From accepting a message to its echo",
    description: "The time that senders wait for their own message, per batch and room.",
    unit: "s",
    logarithmic: true,
    queries: quantiles("disroom_delivery_seconds"),
  },
  {
    title: "Waiting in servers",
    description:
      "Age of the oldest accepted message that is not stored yet, by server; on the right how many bytes wait.",
    unit: "s",
    queries: [
      { expr: `max by (pod) (${of("disroom_buffer_lag_seconds")})`, legend: "{{pod}}" },
      { expr: `sum(${of("disroom_buffer_bytes")})`, legend: "bytes", rightUnit: "bytes" },
    ],
  },
  {
    title: "Connections",
    description: "Open chat connections, by server.",
    unit: "short",
    queries: [{ expr: `max by (pod) (${connections})`, legend: "{{pod}}" }],
  },
  {
    title: "Rooms",
    description: "Rooms with members on each server. A room with members on two servers counts on both.",
    unit: "short",
    queries: [{ expr: `max by (pod) (${of("disroom_rooms")})`, legend: "{{pod}}" }],
  },
  {
    title: "Connections that come, are refused and are closed, per second",
    description:
      "Refused: at the limit of connections. Closed: members that read too slowly (slow), or never joined.",
    unit: "short",
    queries: [
      { expr: rate("disroom_connections_total"), legend: "accepted" },
      { expr: rate("disroom_connections_refused_total"), legend: "refused" },
      { expr: rate("disroom_connections_closed_total", "reason"), legend: "closed: {{reason}}" },
    ],
  },
  {
    title: "Senders held back, times per second",
    description:
      "Reading pauses: the sender is faster than its limit, a server's buffer is full, or the client does not read its answers.",
    unit: "short",
    queries: [
      { expr: rate("disroom_rate_pauses_total"), legend: "too fast" },
      { expr: rate("disroom_buffer_pauses_total"), legend: "buffer full" },
      { expr: rate("disroom_answer_pauses_total"), legend: "answers unread" },
    ],
  },
];

const queue: Panel[] = [
  {
    title: "Lag and workers",
    description:
      "Age of the oldest message in the queue, and the workers that are ready and wanted, on the right.",
    unit: "s",
    queries: [
      { expr: lag, legend: "lag" },
      { expr: ready("worker"), legend: "workers ready", rightUnit: "short" },
      { expr: wanted("worker"), legend: "workers wanted", rightUnit: "short" },
    ],
  },
  {
    title: "Why so many workers",
    description:
      "What the operator decides on the number of workers for, after each measurement; docs/scaling.md has the reasons. Unknown: it could not measure, and the number stays.",
    unit: "short",
    queries: [{ expr: rate("disroom_scaling_decisions_total", "reason"), legend: "{{reason}}" }],
  },
  {
    title: "Bytes in the queue",
    description: "What waits to be stored. Senders are refused when it reaches spec.queue.maxBytes.",
    unit: "bytes",
    queries: [{ expr: `max(${of("disroom_queue_lag_bytes")})`, legend: "waiting" }],
  },
  {
    title: "Messages stored per second, by worker",
    description: "How the work divides among the workers.",
    unit: "short",
    queries: [{ expr: rate("disroom_worker_messages_stored_total", "pod"), legend: "{{pod}}" }],
  },
  {
    title: "Messages in a batch",
    description: "The more that come at once, the larger batches get, and the less each message costs.",
    unit: "short",
    queries: quantiles("disroom_worker_batch_messages"),
  },
  {
    title: "Time to store a batch",
    description: "From a worker's taking a batch to having it stored in its rooms.",
    unit: "s",
    logarithmic: true,
    queries: quantiles("disroom_worker_store_seconds"),
  },
  {
    title: "Time to queue a batch",
    description: "From a server's publishing a batch to the answer of NATS.",
    unit: "s",
    logarithmic: true,
    queries: quantiles("disroom_publish_seconds"),
  },
  {
    title: "Done again, per second",
    description:
      "Batches handed out again or given back, publishes tried again, and what was not stored twice.",
    unit: "short",
    queries: [
      { expr: rate("disroom_worker_redeliveries_total"), legend: "batches handed out again" },
      { expr: rate("disroom_worker_batches_returned_total"), legend: "batches given back" },
      { expr: rate("disroom_publish_retries_total"), legend: "batches queued again" },
      { expr: rate("disroom_worker_store_retries_total"), legend: "stored again" },
      { expr: rate("disroom_worker_held_already_total"), legend: "held already" },
      { expr: rate("disroom_worker_fence_refusals_total"), legend: "refused by the fence" },
    ],
  },
  {
    title: "Read again or set aside, per second",
    description:
      "Live messages that got lost are read from the log; what is not there any more, or cannot be read, is told of.",
    unit: "short",
    queries: [
      { expr: rate("disroom_gap_repairs_total"), legend: "gaps read from the log" },
      { expr: rate("disroom_room_restarts_total"), legend: "rooms begun anew" },
      { expr: rate("disroom_messages_unavailable_total"), legend: "told as gone" },
      { expr: rate("disroom_worker_dead_letters_total"), legend: "batches set aside" },
      { expr: rate("disroom_foreign_messages_total"), legend: "messages of strangers set aside" },
    ],
  },
];

const nats: Panel[] = [
  {
    title: "NATS nodes",
    description: "Nodes that are ready and wanted, and whether JetStream answers (1) or has no leader (0).",
    unit: "short",
    queries: [
      { expr: ready("nats"), legend: "ready" },
      { expr: wanted("nats"), legend: "wanted" },
      { expr: `max(${of("disroom_jetstream_up")})`, legend: "JetStream answers" },
    ],
  },
  {
    title: "Copies of streams",
    description:
      "Copies that have all of their stream. One fewer than wanted: the next failure may stop the chat.",
    unit: "short",
    queries: [
      { expr: `max by (stream) (${of("disroom_stream_replicas_current")})`, legend: "{{stream}}" },
      { expr: `max(${of("disroom_stream_replicas_wanted")})`, legend: "wanted" },
    ],
  },
  {
    title: "Streams, of what they may hold",
    description:
      "ChatRooms may be full for good: its oldest messages make room. ChatIngress is empty when workers keep up.",
    unit: "percentunit",
    queries: [
      {
        expr: `max by (stream) (${of("disroom_stream_bytes")}) / max by (stream) (${of("disroom_stream_limit_bytes")})`,
        legend: "{{stream}}",
      },
    ],
  },
  {
    title: "JetStream storage",
    description: "All copies of all streams, and what all nodes together may keep.",
    unit: "bytes",
    queries: [
      { expr: `max(${of("disroom_jetstream_storage_bytes")})`, legend: "used" },
      { expr: `max(${of("disroom_jetstream_storage_limit_bytes")})`, legend: "limit" },
    ],
  },
  {
    title: "Dead letters",
    description:
      "Messages in the stream ChatDeadLetters. They stay for 30 days; somebody should look at them.",
    unit: "short",
    queries: [{ expr: `max(${of("disroom_dead_letters")})`, legend: "dead letters" }],
  },
];

const redis: Panel[] = [
  {
    title: "Redis reached",
    description: "Whether each server records in Redis who is in its rooms: 1, or 0.",
    unit: "short",
    queries: [{ expr: `min by (pod) (${of("disroom_presence_redis_up")})`, legend: "{{pod}}" }],
  },
  {
    title: "Users that Redis has yet to learn about",
    description: "What a server has yet to record, so that others do not see it yet.",
    unit: "short",
    queries: [{ expr: `max by (pod) (${of("disroom_presence_unrecorded")})`, legend: "{{pod}}" }],
  },
  {
    title: "Redis commands that failed, per second",
    description: "By command, and connections that were given up since Redis did not answer.",
    unit: "short",
    queries: [
      { expr: rate("disroom_presence_command_failures_total", "command"), legend: "{{command}}" },
      { expr: rate("disroom_presence_timeouts_total"), legend: "no answer" },
    ],
  },
  {
    title: "Put right in Redis, per second",
    description:
      "Times that a server put back what Redis had lost (by what it still knew), and dead servers whose users were taken off.",
    unit: "short",
    queries: [
      { expr: rate("disroom_presence_put_backs_total", "standing"), legend: "put back: {{standing}}" },
      { expr: rate("disroom_presence_reaped_servers_total"), legend: "dead servers" },
    ],
  },
];

export const chatCluster: Dashboard = {
  uid: "disroom-chat-cluster",
  title: "DisRoom / Chat cluster",
  description: "What people notice of a ChatCluster, and its queue, workers, NATS and Redis.",
  variables: [
    {
      name: "namespace",
      label: "Namespace",
      query: "label_values(disroom_messages_accepted_total, namespace)",
    },
    {
      name: "cluster",
      label: "ChatCluster",
      query: 'label_values(disroom_messages_accepted_total{namespace="$namespace"}, name)',
    },
  ],
  rows: [
    { title: "Now", panels: now },
    { title: "People", panels: people },
    { title: "Queue and workers", panels: queue },
    { title: "NATS", panels: nats },
    { title: "Redis: who is in which room", panels: redis },
    { title: "Servers and workers", panels: processes('role=~"server|worker"') },
  ],
};
