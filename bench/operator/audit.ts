import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** One request as the API server has answered it. */
export type AuditedRequest = {
  readonly verb: string;
  /** With its subresource: `chatclusters/status`. */
  readonly resource: string;
  /** `namespace/name` of its object; of a list, the namespace or nothing alone. */
  readonly object: string;
  /** When the API server had it, and when it had answered it, in milliseconds since 1970. */
  readonly receivedAt: number;
  readonly answeredAt: number;
};

/** What makes the API server write down every request of a user, and nothing else. */
export function auditPolicy(user: string): object {
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", users: [user] }, { level: "None" }],
  };
}

/** Reads the API server's audit log while it is written. */
export class Audit {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** What was written since the last time; empty where nothing was ever written. */
  next(): AuditedRequest[] {
    const text = readFrom(this.#file, this.#offset);
    // The last line may be half written.
    const end = text.lastIndexOf(10) + 1;
    this.#offset += end;
    return requestsOf(text.subarray(0, end).toString());
  }
}

/** The requests in lines of an audit log. A watch is told twice, when it is opened and when it ends: it counts once. */
export function requestsOf(lines: string): AuditedRequest[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ stage, verb }) => verb !== "watch" || stage === "ResponseStarted")
    .map(({ verb, objectRef = {}, requestURI, requestReceivedTimestamp, stageTimestamp }) => ({
      // A server-side apply is a patch by HTTP.
      verb: verb === "patch" && /[?&]force=/.test(requestURI) ? "apply" : verb,
      resource: joined(objectRef.resource ?? requestURI, objectRef.subresource),
      object: joined(objectRef.namespace, objectRef.name),
      receivedAt: Date.parse(requestReceivedTimestamp),
      answeredAt: Date.parse(stageTimestamp),
    }));
}

type AuditEvent = {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
};

const joined = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined).join("/");

const reading = ["get", "list", "watch"];

/** Whether it changes something, other than to hold on to the Lease. */
export function isWrite({ verb, resource }: Pick<AuditedRequest, "verb" | "resource">): boolean {
  return !reading.includes(verb) && resource !== "leases";
}

function readFrom(file: string, offset: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - offset));
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(descriptor);
  }
}
