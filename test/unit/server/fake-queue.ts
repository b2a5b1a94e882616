import {
  type Msg,
  type MsgHdrs,
  NoRespondersError,
  headers as newHeaders,
  TimeoutError,
} from "@nats-io/transport-node";
import { decodeSections, parseBatchId } from "../../../src/chat/batch.ts";
import { decodeMessages } from "../../../src/chat/message.ts";
import { headers } from "../../../src/chat/subjects.ts";
import type { Requests } from "../../../src/platform/requests.ts";
import { attemptTimeout } from "../../../src/server/partition-publisher.ts";

export const full = { err_code: 10077, description: "maximum bytes exceeded" };
export const noDisk = { err_code: 10077, description: "no space left on device" };
export const noLeader = { err_code: 10008, description: "JetStream system temporarily unavailable" };

/** One publish of a batch: what it carries, and what is to become of it. */
export class Attempt {
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly counter: number;
  readonly startedAt = performance.now();
  /** Per room: the texts of its messages. */
  readonly rooms: Readonly<Record<string, string[]>>;
  readonly answer: Promise<Msg>;
  readonly #resolve: (message: Msg) => void;
  readonly #reject: (error: Error) => void;
  answered = false;

  constructor(subject: string, payload: Uint8Array, all: MsgHdrs, timeout: number) {
    const { promise, resolve, reject } = Promise.withResolvers<Msg>();
    this.subject = subject;
    // As they are now: whoever publishes may use them again.
    this.headers = newHeaders();
    for (const name of all.keys()) this.headers.set(name, all.get(name));
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.counter = parseBatchId(all.get(headers.batch))?.counter ?? Number.NaN;
    this.rooms = Object.fromEntries(
      decodeSections(all.get(headers.sections), payload).map((section) => [
        section.room,
        decodeMessages(section.payload).map(({ content }) => content),
      ]),
    );
    setTimeout(() => this.fail(new TimeoutError()), timeout);
  }

  get texts(): string[] {
    return Object.values(this.rooms).flat();
  }

  store(): void {
    this.#answer({ stream: "ChatIngress", seq: 1 });
  }

  refuse(error: { err_code: number; description: string }): void {
    this.#answer({ error });
  }

  noResponders(): void {
    this.fail(new NoRespondersError(this.subject));
  }

  fail(error: Error): void {
    this.answered = true;
    this.#reject(error);
  }

  #answer(body: object): void {
    this.answered = true;
    this.#resolve({ json: () => body } as Msg);
  }
}

/** Stands in for requests to a queue that answers as a test tells it to. */
export class FakeQueue {
  readonly attempts: Attempt[] = [];
  readonly requests: Pick<Requests, "request">;
  /** Called with each publish as it comes. */
  onAttempt: (attempt: Attempt) => void = () => {};

  constructor() {
    const request = (subject: string, payload: Uint8Array, all: MsgHdrs) => {
      const attempt = new Attempt(subject, payload, all, attemptTimeout);
      this.attempts.push(attempt);
      this.onAttempt(attempt);
      return attempt.answer;
    };
    this.requests = { request };
  }

  /** The one publish that waits for its answer. */
  get open(): Attempt {
    const open = this.attempts.filter(({ answered }) => !answered);
    if (open.length !== 1) throw new Error(`${open.length} publishes are under way`);
    return open[0] as Attempt;
  }

  get idle(): boolean {
    return this.attempts.every(({ answered }) => answered);
  }
}
