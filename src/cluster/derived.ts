import type { ChatClusterSpec } from "./chat-cluster.ts";

/** What the fields stand for that a ChatCluster may leave open and whose defaults rest on other fields. */

/** Copies of each stream: what the spec says, else three where there are three nodes to hold them. */
export const streamReplicas = ({ rooms, nats }: ChatClusterSpec): number =>
  rooms.replicas ?? Math.min(nats.replicas, 3);

/** The most workers that may run: what the spec says, else one for each partition. */
export const maxWorkers = ({ workers }: ChatClusterSpec): number => workers.maxReplicas ?? workers.partitions;

/** How many NATS nodes must be up: more than half of them. */
export const natsQuorum = ({ nats }: ChatClusterSpec): number => Math.floor(nats.replicas / 2) + 1;
