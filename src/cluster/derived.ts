import type { ChatClusterSpec } from "./chat-cluster.ts";

/** What the fields stand for that a ChatCluster may leave open and whose defaults rest on other fields. */

/** Copies of each stream: what the spec says, else three where there are three nodes to hold them. */
export const streamReplicas = ({ rooms, nats }: ChatClusterSpec): number =>
  rooms.replicas ?? Math.min(nats.replicas, 3);

/** The most workers that may run: what the spec says, else one for each partition. */
export const maxWorkers = ({ workers }: ChatClusterSpec): number => workers.maxReplicas ?? workers.partitions;

/** How many of so many NATS nodes must be up: more than half. */
export const quorum = (nodes: number): number => Math.floor(nodes / 2) + 1;
