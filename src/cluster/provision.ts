import { setTimeout as delay } from "node:timers/promises";
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import { ingressStream, partitionsMetadata, roomsStream } from "../chat/subjects.ts";
import type { ChatClusterSpec } from "./chat-cluster.ts";
import { consumersOf, streamsOf, type WantedConsumer, type WantedStream } from "./streams.ts";

/** What exists was made for another partition count; a person has to decide. */
export class PartitionMismatch extends Error {}

/** Names of the streams and consumers that were made or changed. */
export type Provisioned = {
  readonly created: string[];
  readonly updated: string[];
  /** Why a stream does not have as many copies yet as it is to have, if so; it takes more calls. */
  readonly growing?: string;
};

export type ProvisionOptions = {
  /** Whether streams may be given more copies: all nodes are there. */
  readonly mayRaise?: boolean;
};

/** Requests under way at once: a cluster answers each only after a vote. */
const requestsAtOnce = 8;

/** How long a consumer must have been out of step with its stream, in ms: an ack may be on its way. */
const outOfStepTime = 2000;

/**
 * Makes the streams and consumers of `spec`, or changes those that differ. What is right already is not written
 * again. Nothing is deleted, but for a consumer that is out of step with its stream: that one is made again.
 * Throws PartitionMismatch before anything is touched.
 */
export async function provisionStreams(
  connection: NatsConnection,
  spec: ChatClusterSpec,
  { mayRaise = true }: ProvisionOptions = {},
): Promise<Provisioned> {
  await checkLeader(connection);
  const manager = await jetstreamManager(connection, { timeout: 3000, checkAPI: false });
  const provisioned: Provisioned = { created: [], updated: [] };
  await checkPartitions(manager, spec.workers.partitions);
  for (const stream of streamsOf(spec)) {
    await named(`stream ${stream.name}`, provisionStream(manager, stream, provisioned));
  }
  const raise = await nextRaise(manager, streamsOf(spec), mayRaise);
  // Also where the raise fails, the queue has its consumers again.
  const raised =
    raise.stream && (await Promise.allSettled([raiseStream(manager, raise.stream, provisioned)]))[0];
  await provisionConsumers(manager, spec, provisioned);
  if (raised?.status === "rejected") throw raised.reason;
  await remakeConsumersOutOfStep(manager, consumersOf(spec), provisioned);
  return { ...provisioned, ...(raise.growing !== undefined && { growing: raise.growing }) };
}

async function provisionConsumers(
  manager: JetStreamManager,
  spec: ChatClusterSpec,
  provisioned: Provisioned,
): Promise<void> {
  const existing = new Map<string, object>();
  for await (const { name, config } of manager.consumers.list(ingressStream)) existing.set(name, config);
  const waiting = consumersOf(spec);
  const provisionNext = async (): Promise<void> => {
    for (let consumer = waiting.shift(); consumer !== undefined; consumer = waiting.shift()) {
      const name = consumer.durable_name;
      await named(`consumer ${name}`, provisionConsumer(manager, consumer, existing.get(name), provisioned));
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, provisionNext));
}

/**
 * Whether an error of provisionStreams is of the kind that passes: the servers are still finding each other
 * or choosing a leader. Where a node stays away, it does not.
 */
export function isTemporary(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof errors.TimeoutError || at instanceof errors.NoRespondersError) return true;
    if (at instanceof JetStreamApiError && temporaryCodes.has(at.code)) return true;
  }
  return false;
}

/** Incomplete results, too few peers, no leader yet, not the leader, stream offline (nats-server's errors.json). */
const temporaryCodes: ReadonlySet<number> = new Set([10004, 10005, 10008, 10009, 10118]);

/** While a cluster has no leader nobody answers; asked with little patience, so that the caller can ask again. */
async function checkLeader(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { timeout: 500, checkAPI: false });
  await manager.getAccountInfo();
}

async function checkPartitions(manager: JetStreamManager, wanted: number): Promise<void> {
  const existing = (await existingStream(manager, ingressStream))?.config;
  if (existing === undefined) return;
  const made = existing.metadata?.[partitionsMetadata] ?? "an unknown number of";
  if (made !== String(wanted)) {
    throw new PartitionMismatch(
      `this data was made with ${made} partitions, the ChatCluster says ${wanted}; the order of messages rests ` +
        `on that number, so set spec.workers.partitions to ${made} or begin with new data`,
    );
  }
}

async function provisionStream(
  manager: JetStreamManager,
  wanted: WantedStream,
  provisioned: Provisioned,
): Promise<void> {
  const existing = (await existingStream(manager, wanted.name))?.config;
  if (existing === undefined) {
    await manager.streams.add(wanted);
    provisioned.created.push(wanted.name);
    return;
  }
  // More copies are a matter of their own; until then it has as many as it has.
  const copies = Math.min(copiesOf(wanted), existing.num_replicas);
  if (!differs({ ...wanted, num_replicas: copies }, existing)) return;
  // Metadata that others have put there stays.
  const metadata = { ...existing.metadata, ...wanted.metadata };
  await manager.streams.update(wanted.name, { ...wanted, num_replicas: copies, metadata });
  provisioned.updated.push(wanted.name);
}

const copiesOf = ({ num_replicas = 1 }: WantedStream): number => num_replicas;

/** The stream that is to be given more copies now, and what is still to come. */
type Raise = { readonly stream?: WantedStream; readonly growing?: string };

/**
 * One stream is raised at a time, the room log first, and the next when all copies of all others have all that is in
 * them: before that, a node that dies might take a stream with it.
 */
async function nextRaise(
  manager: JetStreamManager,
  wanted: readonly WantedStream[],
  mayRaise: boolean,
): Promise<Raise> {
  let next: Raise = {};
  let incomplete: string | undefined;
  let isMoving = false;
  const roomsFirst = wanted.toSorted(
    (a, b) => Number(b.name === roomsStream) - Number(a.name === roomsStream),
  );
  for (const stream of roomsFirst) {
    const copies = copiesOf(stream);
    const { config, cluster } = await manager.streams.info(stream.name);
    if (config.num_replicas < copies) {
      const growing = `stream ${stream.name} is to have ${copies} copies, it has ${config.num_replicas}`;
      if (next.stream === undefined) next = { stream, growing };
    } else if (!isSettled(cluster, copies)) {
      incomplete = `${currentCopies(cluster)} of ${copies} copies of stream ${stream.name} are complete`;
      isMoving ||= isBeingMoved(cluster);
    }
  }
  if (next.stream !== undefined && !mayRaise)
    return { growing: `${next.growing}; that waits for all NATS nodes` };
  if (incomplete !== undefined && (isMoving || next.stream !== undefined)) return { growing: incomplete };
  return next;
}

type StreamCluster = StreamInfo["cluster"] & {
  /** What nats-server 2.15 tells of a stream whose copies are being moved or become more. */
  readonly desired?: unknown;
};

const isBeingMoved = (cluster: StreamInfo["cluster"]): boolean =>
  (cluster as StreamCluster | undefined)?.desired !== undefined;

/** Whether all copies are there. NATS that is no cluster has the one that there is. */
const isSettled = (cluster: StreamInfo["cluster"], copies: number): boolean =>
  cluster === undefined || (currentCopies(cluster) >= copies && !isBeingMoved(cluster));

/** Copies that have all that is in the stream. */
function currentCopies(cluster: StreamInfo["cluster"]): number {
  if (!cluster?.leader) return 0;
  return (
    1 + (cluster.replicas ?? []).filter(({ current, offline, lag }) => current && !offline && !lag).length
  );
}

/** How long the queue may be without its consumers while it is raised, in milliseconds. */
const queueRaiseLimit = 5000;

/**
 * Gives a stream more copies. With its consumers the queue would not answer for ten seconds (measured with nats-server
 * 2.15.2), so that they go before, and are made again by what follows. What waits in it stays and is handed out anew.
 */
async function raiseStream(
  manager: JetStreamManager,
  wanted: WantedStream,
  provisioned: Provisioned,
): Promise<void> {
  const { config } = await manager.streams.info(wanted.name);
  const { name } = wanted;
  if (name === ingressStream) {
    const consumers: string[] = [];
    for await (const consumer of manager.consumers.list(name)) consumers.push(consumer.name);
    await Promise.all(consumers.map((consumer) => manager.consumers.delete(name, consumer)));
  }
  const update = { ...config, num_replicas: copiesOf(wanted) };
  await named(
    `stream ${name}`,
    manager.streams.update(name, update).then(() => {}),
  );
  provisioned.updated.push(name);
  if (name !== ingressStream) return;
  const end = performance.now() + queueRaiseLimit;
  while (performance.now() < end) {
    const { cluster } = await manager.streams.info(name);
    if (isSettled(cluster, copiesOf(wanted))) return;
    await delay(50);
  }
}

async function existingStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

async function provisionConsumer(
  manager: JetStreamManager,
  wanted: WantedConsumer,
  existing: object | undefined,
  provisioned: Provisioned,
): Promise<void> {
  if (existing === undefined) {
    await manager.consumers.add(ingressStream, wanted);
    provisioned.created.push(wanted.durable_name);
  } else if (differs(wanted, existing)) {
    await manager.consumers.update(ingressStream, wanted.durable_name, wanted);
    provisioned.updated.push(wanted.durable_name);
  }
}

/**
 * Where a power failure or a full disk has hit the stream and what a consumer knows of it differently, messages
 * would wait that this consumer takes for delivered. One that is made again hands out all that waits.
 */
async function remakeConsumersOutOfStep(
  manager: JetStreamManager,
  wanted: readonly WantedConsumer[],
  provisioned: Provisioned,
): Promise<void> {
  const before = await consumersOutOfStep(manager, wanted);
  if (before.size === 0) return;
  await delay(outOfStepTime);
  const after = await consumersOutOfStep(manager, wanted);
  for (const consumer of wanted) {
    const name = consumer.durable_name;
    if (!before.has(name) || before.get(name) !== after.get(name)) continue;
    await manager.consumers.delete(ingressStream, name);
    await named(`consumer ${name}`, provisionConsumer(manager, consumer, undefined, provisioned));
  }
}

/** By name: a sequence up to which such a consumer takes all for acked, though the stream says something else. */
async function consumersOutOfStep(
  manager: JetStreamManager,
  wanted: readonly WantedConsumer[],
): Promise<Map<string, number>> {
  const progress = new Map<string, { delivered: number; acked: number }>();
  for await (const { name, delivered, ack_floor } of manager.consumers.list(ingressStream)) {
    progress.set(name, { delivered: delivered.stream_seq, acked: ack_floor.stream_seq });
  }
  // Asked last: it has grown at most.
  const { last_seq: last, messages } = (await manager.streams.info(ingressStream)).state;
  const found = new Map<string, number>();
  for (const { durable_name: name, filter_subject } of wanted) {
    const { delivered = 0, acked = 0 } = progress.get(name) ?? {};
    if (delivered > last) found.set(name, delivered);
    else if (messages > 0) {
      const query = { seq: 1, next_by_subj: filter_subject };
      const first = await manager.streams.getMessage(ingressStream, query);
      if (first !== null && first.seq <= acked) found.set(name, first.seq);
    }
  }
  return found;
}

/** Whether a field of `wanted`, at any depth, is another in `existing`; fields that only `existing` has don't count. */
export function differs(wanted: unknown, existing: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return wanted !== existing;
  if (typeof existing !== "object" || existing === null) return true;
  if (Array.isArray(wanted) && wanted.length !== (existing as unknown[]).length) return true;
  return Object.entries(wanted).some(([key, value]) =>
    differs(value, (existing as Record<string, unknown>)[key]),
  );
}

async function named(what: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}
