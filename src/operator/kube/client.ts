import type { IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { KubeApiError } from "./api-error.ts";
import type { Credentials } from "./credentials.ts";
import { TimeLimit } from "./time-limit.ts";
import { TokenBucket } from "./token-bucket.ts";
import { Transport, type WireRequest } from "./transport.ts";

export type Verb = "get" | "list" | "watch" | "create" | "apply" | "patch" | "delete";

/** One request that was sent, for metrics. */
export type RequestReport = {
  readonly verb: Verb;
  readonly method: string;
  readonly host: string;
  /** The HTTP status; `<error>` where there was no answer. */
  readonly code: string;
  /** Until the whole answer was there; of a watch, until its head was. */
  readonly seconds: number;
};

export type KubeClientSettings = {
  readonly credentials: Credentials;
  /** What the API server writes into its audit log. */
  readonly userAgent?: string;
  /** Requests a second, and at once after a pause. */
  readonly requestsPerSecond?: number;
  readonly burst?: number;
  /** The largest answer, in bytes. */
  readonly maxAnswerBytes?: number;
  readonly onRequest?: (report: RequestReport) => void;
  /** Called before each request that changes something is sent, a repeated one too; what it throws ends the request. */
  readonly beforeWrite?: () => void;
};

export type RequestOptions = {
  readonly signal?: AbortSignal | undefined;
  /** How long it may take in all, with waiting for the rate limit and trying again, in milliseconds. */
  readonly timeLimit?: number;
};

export type Call = RequestOptions & {
  readonly verb: Verb;
  readonly method: WireRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
};

const defaultTimeLimit = 30_000;
/** How often a request is sent at most. */
const mostTries = 5;
/** Where the API server asks for patience and does not say for how long, in milliseconds. */
const retryPause = 1000;
/** What metrics show in place of a status. */
const noAnswerCode = "<error>";
/** The longest refusal that is read. */
const maxRefusalBytes = 2 ** 20;

/** Sends requests to the API server: not too many, each within its time, and again where that does no harm. */
export class KubeClient {
  readonly #settings: KubeClientSettings;
  readonly #transport: Transport;
  readonly #rate: TokenBucket;

  constructor(settings: KubeClientSettings) {
    const { userAgent = "disroom-operator", requestsPerSecond = 20, burst = 30 } = settings;
    this.#settings = settings;
    this.#transport = new Transport(settings.credentials, userAgent);
    this.#rate = new TokenBucket(requestsPerSecond, burst);
  }

  /** What the API server answers, as JSON. */
  async call<T>(call: Call): Promise<T> {
    const milliseconds = call.timeLimit ?? defaultTimeLimit;
    const deadline = performance.now() + milliseconds;
    const limit = new TimeLimit(milliseconds, call.signal);
    let hasRefreshed = false;
    try {
      for (let tries = 1; ; tries++) {
        const sentAt = performance.now();
        try {
          return await this.#once<T>(call, limit.signal);
        } catch (error) {
          if (!(error instanceof KubeApiError) || limit.signal.aborted) throw error;
          if (error.isUnauthorized && !hasRefreshed && this.#transport.refreshCredentials(sentAt)) {
            hasRefreshed = true;
            continue;
          }
          const pause = pauseBeforeRetry(error, call.verb, tries);
          if (pause === undefined || tries === mostTries || performance.now() + pause > deadline) throw error;
          if (error.isNoAnswer) this.#transport.closeIdle();
          await delay(pause, undefined, { signal: limit.signal });
        }
      }
    } catch (error) {
      throw this.explained(error, call, limit);
    } finally {
      limit.clear();
    }
  }

  /**
   * Sends a request whose answer has no end yet; done when its head is there. The signal ends the answer as well; what
   * is thrown has to be `explained`.
   */
  async open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      const { answer, sentAt } = await this.#send(call, signal);
      this.#report(call, String(answer.statusCode), sentAt);
      if (answer.statusCode === 200) return answer;
      const text = await readBody(answer, maxRefusalBytes, requestOf(call));
      if (answer.statusCode === 401 && tries === 1 && this.#transport.refreshCredentials(sentAt)) continue;
      checkStatus(call, answer, text);
      throw KubeApiError.noAnswer(requestOf(call), "AnswerNotUnderstood", `status ${answer.statusCode}`);
    }
  }

  /** Ends its connections. */
  close(): void {
    this.#transport.close();
  }

  async #once<T>(call: Call, signal: AbortSignal): Promise<T> {
    const { answer, sentAt } = await this.#send(call, signal);
    let code = noAnswerCode;
    try {
      const text = await readBody(answer, this.#settings.maxAnswerBytes ?? 64 * 2 ** 20, requestOf(call));
      code = String(answer.statusCode);
      checkStatus(call, answer, text);
      return parseAnswer<T>(call, text);
    } finally {
      answer.destroy();
      this.#report(call, code, sentAt);
    }
  }

  /** Sends a request when it is its turn; done when the head of the answer is there. */
  async #send(call: Call, signal: AbortSignal): Promise<{ answer: IncomingMessage; sentAt: number }> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    signal.throwIfAborted();
    const wait = this.#rate.take();
    if (wait > 0) await delay(wait, undefined, { signal });
    const sentAt = performance.now();
    try {
      const options = await this.#transport.prepare(signal);
      // Nothing is waited for between this and the sending.
      if (call.method !== "GET") this.#beforeWrite();
      const request = { method: call.method, path: pathOf(call), body, contentType: call.contentType };
      return { answer: await this.#transport.open(request, options, signal), sentAt };
    } catch (error) {
      if (error instanceof NotAllowed) throw error.cause;
      this.#report(call, noAnswerCode, sentAt);
      if (signal.aborted) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw KubeApiError.noAnswer(requestOf(call), "Unreachable", message || code || "no connection", error);
    }
  }

  #beforeWrite(): void {
    try {
      this.#settings.beforeWrite?.();
    } catch (error) {
      throw new NotAllowed("not sent", { cause: error });
    }
  }

  #report({ verb, method }: Call, code: string, began: number): void {
    const seconds = (performance.now() - began) / 1000;
    this.#settings.onRequest?.({ verb, method, host: this.#transport.host, code, seconds });
  }

  /** The error to throw for one that ended a request or its answer. */
  explained(error: unknown, call: Call, limit: TimeLimit): unknown {
    if (limit.isUp) {
      this.#transport.closeIdle();
      const { message } = limit.signal.reason as Error;
      return KubeApiError.noAnswer(requestOf(call), "TimedOut", message, error);
    }
    return limit.signal.aborted ? limit.signal.reason : error;
  }
}

/** Around what `beforeWrite` threw. */
class NotAllowed extends Error {}

function pathOf({ path, query = {} }: Call): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? path : `${path}?${given}`;
}

/** How errors name a request. */
export function requestOf({ verb, path }: Call): string {
  return `${verb} ${path}`;
}

async function readBody(answer: IncomingMessage, limit: number, request: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer) {
      length += chunk.length;
      if (length > limit)
        throw KubeApiError.noAnswer(request, "AnswerTooLarge", `larger than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof KubeApiError) throw error;
    throw KubeApiError.noAnswer(request, "Unreachable", (error as Error).message, error);
  }
  return Buffer.concat(chunks).toString();
}

function checkStatus(call: Call, answer: IncomingMessage, text: string): void {
  const code = answer.statusCode ?? 0;
  if (code >= 200 && code < 300) return;
  throw KubeApiError.ofAnswer(requestOf(call), code, text, answer.headers["retry-after"]);
}

export function parseAnswer<T>(call: Call, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw KubeApiError.noAnswer(requestOf(call), "AnswerNotUnderstood", "the answer is not JSON", error);
  }
}

/**
 * Milliseconds to wait before the same request is sent again; undefined where it must not be. A refusal with 429
 * was not worked on. After anything else it may have been: what is created would be refused as already there.
 */
function pauseBeforeRetry(error: KubeApiError, verb: Verb, tries: number): number | undefined {
  if (error.code === 429) return error.retryAfter ?? retryPause;
  if (verb === "create") return undefined;
  if (error.code === 503) return error.retryAfter ?? retryPause;
  // A connection that was kept may just have been closed at the other end: that says nothing about a new one.
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return tries === 1 && error.reason === "Unreachable" && code === "ECONNRESET" ? 0 : undefined;
}
