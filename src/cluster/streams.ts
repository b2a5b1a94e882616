import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from "@nats-io/jetstream";
import {
  consumerName,
  deadLetterStream,
  deadLetterSubjects,
  ingressStream,
  ingressSubject,
  ingressSubjects,
  liveSubjectTemplate,
  partitionsMetadata,
  roomSubjects,
  roomsStream,
} from "../chat/subjects.ts";
import { parseDuration } from "../platform/settings.ts";
import type { ChatClusterSpec } from "./chat-cluster.ts";
import { streamReplicas } from "./derived.ts";
import { parseBytes } from "./quantity.ts";

export type WantedStream = Partial<StreamConfig> & { readonly name: string };
export type WantedConsumer = Partial<ConsumerConfig> & { readonly durable_name: string };

const milliseconds = (count: number): number => count * 1_000_000;
const days = (count: number): number => milliseconds(count * 86_400_000);

/** The three streams of a ChatCluster, in the order in which they are made. */
export function streamsOf(spec: ChatClusterSpec): WantedStream[] {
  return [ingress(spec), rooms(spec), deadLetters(spec)];
}

/** Every partition's consumer of ChatIngress. */
export function consumersOf(spec: ChatClusterSpec): WantedConsumer[] {
  return Array.from({ length: spec.workers.partitions }, (_, partition) => messageProcessor(partition));
}

function ingress(spec: ChatClusterSpec): WantedStream {
  return {
    ...common(spec),
    name: ingressStream,
    description: "Batches of accepted messages that wait to be stored in their rooms",
    subjects: [ingressSubjects],
    retention: RetentionPolicy.Workqueue,
    // "Old" would silently remove batches that wait.
    discard: DiscardPolicy.New,
    max_bytes: parseBytes(spec.queue.maxBytes),
    max_age: 0,
    metadata: { [partitionsMetadata]: String(spec.workers.partitions) },
  };
}

function rooms(spec: ChatClusterSpec): WantedStream {
  const { maxAge, maxBytes, maxMessagesPerRoom } = spec.rooms.retention;
  return {
    ...common(spec),
    name: roomsStream,
    description: "The messages of every room",
    subjects: [roomSubjects],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: milliseconds(parseDuration(maxAge) ?? 0),
    max_bytes: parseBytes(maxBytes),
    max_msgs_per_subject: maxMessagesPerRoom,
    allow_direct: true,
    republish: { src: roomSubjects, dest: liveSubjectTemplate },
    compression: spec.rooms.compression ? StoreCompression.S2 : StoreCompression.None,
  };
}

function deadLetters(spec: ChatClusterSpec): WantedStream {
  return {
    ...common(spec),
    name: deadLetterStream,
    description: "What could not be routed or read, for a person to look at",
    subjects: [deadLetterSubjects],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: days(30),
    max_bytes: parseBytes("64Mi"),
    // Several servers may set the same message aside.
    duplicate_window: milliseconds(120_000),
  };
}

function common(spec: ChatClusterSpec): Partial<StreamConfig> {
  return {
    storage: StorageType.File,
    num_replicas: streamReplicas(spec),
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_consumers: -1,
    // Message ids are not used, since the fence in the room log does their work; this is the least there is.
    duplicate_window: milliseconds(100),
  };
}

function messageProcessor(partition: number): WantedConsumer {
  return {
    durable_name: consumerName(partition),
    filter_subject: ingressSubject(partition),
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.Explicit,
    // How long a partition waits for a worker that died; a worker that takes longer says that it is working.
    ack_wait: milliseconds(3000),
    // One batch at a time keeps every room in order.
    max_ack_pending: 1,
    // A bound would skip a batch, and so lose it or its order.
    max_deliver: -1,
    // Idle workers' pulls that wait at once.
    max_waiting: 512,
  };
}
