import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { deadLetterStream } from "../chat/subjects.ts";
import type { ChatClusterSpec } from "../cluster/chat-cluster.ts";
import { parseBytes } from "../cluster/quantity.ts";
import { streamsOf, type WantedStream } from "../cluster/streams.ts";

/** How a stream is. */
export type StreamHealth = {
  readonly name: string;
  /** Copies that have all that the leader has, the leader's own among them; none without a leader. */
  readonly replicasCurrent: number;
  readonly replicasWanted: number;
  /** Bytes of one copy, and at most; undefined while the stream does not answer. */
  readonly bytes: number | undefined;
  readonly limitBytes: number;
};

/** How the NATS of a ChatCluster is, as clients see it. */
export type NatsHealth = {
  /** Streams that exist. */
  readonly streams: readonly StreamHealth[];
  /** Bytes of all copies of all streams, and how many all nodes together may keep. */
  readonly storageBytes: number;
  readonly storageLimitBytes: number;
  /** Messages that were set aside; undefined while their stream does not answer. */
  readonly deadLetters: number | undefined;
};

/** How long to wait for an answer, in milliseconds. A stream without a leader gives none. */
const timeout = 2000;

/**
 * Asks JetStream how it is, about four small requests. Rejects where it does not answer: NATS is not reached, or its
 * nodes have no leader since too few of them are there.
 */
export async function readNatsHealth(connection: NatsConnection, spec: ChatClusterSpec): Promise<NatsHealth> {
  const manager = await jetstreamManager(connection, { timeout, checkAPI: false });
  const { storage } = await manager.getAccountInfo();
  const read = await Promise.all(streamsOf(spec).map((stream) => readStream(manager, stream)));
  const found = read.filter((stream) => stream !== undefined);
  return {
    streams: found.map(({ health }) => health),
    storageBytes: storage,
    storageLimitBytes: spec.nats.replicas * parseBytes(spec.nats.storage.size),
    deadLetters: found.find(({ health }) => health.name === deadLetterStream)?.messages,
  };
}

type ReadStream = { readonly health: StreamHealth; readonly messages: number | undefined };

/** Undefined where there is no such stream (yet). */
async function readStream(manager: JetStreamManager, wanted: WantedStream): Promise<ReadStream | undefined> {
  const { name, num_replicas: replicasWanted = 1, max_bytes: limitBytes = 0 } = wanted;
  try {
    const info = await manager.streams.info(name);
    const { bytes, messages } = info.state;
    return {
      health: { name, replicasCurrent: currentReplicas(info), replicasWanted, bytes, limitBytes },
      messages,
    };
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    return {
      health: { name, replicasCurrent: 0, replicasWanted, bytes: undefined, limitBytes },
      messages: undefined,
    };
  }
}

function currentReplicas({ cluster }: StreamInfo): number {
  // A node by itself says nothing of a cluster.
  if (cluster === undefined) return 1;
  if (!cluster.leader) return 0;
  return 1 + (cluster.replicas ?? []).filter(({ current, offline }) => current && !offline).length;
}
