import type { Processes } from "../measure/processes.ts";

/** How senders are paced: so many on their way each, so many a second in all, or none at all. */
export type PaceOptions =
  | { readonly window: number; readonly messagesPerSender?: number }
  | { readonly messagesPerSecond: number }
  | undefined;

export type LoadOptions = {
  readonly protocol: "chat" | "irc";
  readonly host: string;
  readonly port: number;
  readonly rooms: readonly string[];
  readonly members: number;
  /** How many members of a room send; the others only receive. */
  readonly senders: number;
  readonly pace?: PaceOptions;
  readonly textBytes: number;
  /** Sends that come before those that count. */
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Joins under way at once; all, if there is none given. */
  readonly joinsAtOnce?: number;
  /** How long nothing may arrive at the end before what is missing counts as lost, in milliseconds. */
  readonly silence?: number;
  /** Whose CPU time and memory is measured. */
  readonly processes?: Processes;
};

export type LoadResult = {
  /** What was measured while the load ran, warm-up and rest not included. */
  readonly seconds: number;
  readonly messages: number;
  readonly deliveries: number;
  /** Deliveries that came in one read, on average: about as many as the service had in one write. */
  readonly deliveriesPerRead: number;
  /** In milliseconds. */
  readonly latency: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly longest: number;
  };
  /** How late an open loop's own sends were, and how many it had to leave out. */
  readonly lateness?: { readonly p50: number; readonly p99: number; readonly skipped: number };
  /** From the first join's command to the last one's answer. */
  readonly joins: { readonly count: number; readonly seconds: number };
  readonly cpuSeconds: Record<string, number>;
  readonly generatorCpuSeconds: number;
  /** Resident bytes by process, before anybody was connected and when all had joined. */
  readonly memory: Record<string, { readonly empty: number; readonly joined: number; readonly peak: number }>;
  readonly generatorPeak: number;
  /** Over the whole run, warm-up and rest included. */
  readonly checked: {
    readonly messages: number;
    readonly deliveries: number;
    readonly lost: number;
    readonly duplicated: number;
    readonly disordered: number;
  };
  /** What was wrong, in words; empty when every member got every message once and in order. */
  readonly faults: readonly string[];
};
