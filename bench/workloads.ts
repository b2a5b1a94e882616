import { partitionOf } from "../src/chat/partition.ts";
import { defaultChatCluster } from "../src/local/default-cluster.ts";
import type { PaceOptions } from "./load/options.ts";

/** Partitions of the ChatCluster that `disroom up` runs when it is given no file. */
export const upPartitions = defaultChatCluster().spec.workers.partitions;

/** Bytes of a message's text. */
export const textBytes = 64;

/** What is compared first of all. */
export type Measure = "throughput" | "latency" | "memory" | "joins";

export type Workload = {
  readonly id: string;
  readonly title: string;
  readonly measure: Measure;
  readonly rooms: number;
  readonly members: number;
  readonly senders: number;
  readonly pace?: PaceOptions;
  readonly joinsAtOnce?: number;
  /** Ids of the variants that it is run against. */
  readonly variants: readonly string[];
};

const basic = ["ngircd", "no-fsync", "fsync"];
const large = [...basic, "nats3", "nats3-fsync", "2x3"];

export const workloads: readonly Workload[] = [
  {
    id: "A",
    title: "20 rooms of 10, all send, 8 messages open each",
    measure: "throughput",
    rooms: 20,
    members: 10,
    senders: 10,
    pace: { window: 8 },
    variants: large,
  },
  {
    id: "B",
    title: "20 rooms of 10, all send, 100 messages open each",
    measure: "throughput",
    rooms: 20,
    members: 10,
    senders: 10,
    pace: { window: 100 },
    variants: large,
  },
  {
    id: "C",
    title: "1 room of 500, 10 send, 4 messages open each",
    measure: "throughput",
    rooms: 1,
    members: 500,
    senders: 10,
    pace: { window: 4 },
    variants: basic,
  },
  {
    id: "D",
    title: "5 rooms of 4, 100 messages/s in all",
    measure: "latency",
    rooms: 5,
    members: 4,
    senders: 4,
    pace: { messagesPerSecond: 100 },
    variants: basic,
  },
  {
    id: "E",
    title: "10,000 connections in 1,000 rooms, 100 messages/s in all",
    measure: "memory",
    rooms: 1000,
    members: 10,
    senders: 10,
    pace: { messagesPerSecond: 100 },
    joinsAtOnce: 200,
    variants: basic,
  },
  {
    id: "F",
    title: "2,000 connected clients join 200 rooms at once",
    measure: "joins",
    rooms: 200,
    members: 10,
    senders: 10,
    variants: basic,
  },
];

/** The rooms of workload H: all of one partition, many senders and little fan-out, so that storing is the bound. */
export const hotLoad = { rooms: 30, members: 4, senders: 4, pace: { window: 100 } } as const;

export const roomNames = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** Names of rooms that share a partition; `nameOf` makes them of names that differ. */
export function hotRoomNames(
  count: number,
  prefix: string,
  partitions = upPartitions,
  partition = 0,
  nameOf = (name: string): string => name,
): string[] {
  const names: string[] = [];
  for (let index = 0; names.length < count; index++) {
    const name = nameOf(`${prefix}-${index}`);
    if (partitionOf(name, partitions) === partition) names.push(name);
  }
  return names;
}
