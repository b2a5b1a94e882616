import type { NatsConnection } from "@nats-io/transport-node";
import { subscribe } from "../platform/nats.ts";
import { reportSubject } from "./subjects.ts";

/** What a chat server says when it is asked on `report`. */
export type ServerReport = {
  readonly role: "server";
  /** Of this run of the process. */
  readonly id: string;
  /** People's connections to it. */
  readonly connections: number;
  /** Age of the oldest message that it has accepted and that is not stored yet, in seconds; 0 if there is none. */
  readonly oldestSeconds: number;
  /** Bytes of messages that the queue is not known to have. */
  readonly waitingBytes: number;
};

/** What a queue worker has done since it started, and how long that is. */
export type WorkDone = {
  readonly upSeconds: number;
  /** Payload of the batches that it was through with. */
  readonly storedBytes: number;
  /** How long its slots had a batch, on average over those that can have one at once. */
  readonly slotSeconds: number;
  /** How long its thread computed. */
  readonly threadSeconds: number;
};

/** What a queue worker says when it is asked on `report`; it counts from its start. */
export type WorkerReport = { readonly role: "worker"; readonly id: string } & WorkDone;

export type Report = ServerReport | WorkerReport;

/** Far above what a report takes. */
const longestReport = 1024;
const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** Answers whoever asks on `report`, for as long as there is the connection. */
export function answerReports(connection: NatsConnection, report: () => Report): void {
  subscribe(connection, reportSubject, (question) => question.respond(JSON.stringify(report())));
}

/** The report that an answer is; undefined if it is none. */
export function decodeReport(answer: Uint8Array): Report | undefined {
  if (answer.length > longestReport) return undefined;
  let given: Partial<Record<string, unknown>>;
  try {
    given = Object(JSON.parse(Buffer.from(answer).toString()));
  } catch {
    return undefined;
  }
  const { role, id } = given;
  if (typeof id !== "string" || !idPattern.test(id)) return undefined;
  if (role === "server") {
    const numbers = amountsOf(given, ["connections", "oldestSeconds", "waitingBytes"]);
    return numbers && { role, id, ...numbers };
  }
  if (role === "worker") {
    const numbers = amountsOf(given, ["upSeconds", "storedBytes", "slotSeconds", "threadSeconds"]);
    return numbers && { role, id, ...numbers };
  }
  return undefined;
}

/** Numbers of these names from 0 up; undefined where one is missing or something else. */
function amountsOf<N extends string>(
  given: Partial<Record<string, unknown>>,
  names: readonly N[],
): Record<N, number> | undefined {
  const entries = names.map((name) => [name, given[name]] as const);
  const isAmount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= largest;
  return entries.every(([, value]) => isAmount(value))
    ? (Object.fromEntries(entries) as Record<N, number>)
    : undefined;
}

const largest = Number.MAX_SAFE_INTEGER;
