import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  TimeoutError,
} from "@nats-io/transport-node";
import { subscribe } from "./nats.ts";

/** How late a time-out may come, in milliseconds: one timer looks after all requests. */
const timeoutPrecision = 100;
const noResponders = 503;

type Waiting = {
  readonly subject: string;
  readonly deadline: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (error: Error) => void;
};

/**
 * Requests that many are made of, all answered under one inbox: half the cost of the client library's own, which
 * makes a timer and an error for each.
 */
export class Requests {
  readonly #connection: NatsConnection;
  readonly #timeout: number;
  readonly #inbox = createInbox();
  /** By number, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  /** Answers are waited for `timeout` milliseconds. */
  constructor(connection: NatsConnection, timeout: number) {
    this.#connection = connection;
    this.#timeout = timeout;
    subscribe(connection, `${this.#inbox}.*`, (answer) => this.#receive(answer));
    setInterval(() => this.#expire(), timeoutPrecision).unref();
  }

  /**
   * Resolves to the answer. Rejects with NoRespondersError when nobody listens, with TimeoutError when no answer
   * comes in time, and with what publishing throws (the payload is too large, the connection is closed).
   */
  request(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<Msg> {
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      this.#connection.publish(subject, payload, { reply: `${this.#inbox}.${number}`, headers });
      this.#waiting.set(number, { subject, deadline: performance.now() + this.#timeout, resolve, reject });
    });
  }

  #receive(answer: Msg): void {
    const number = Number(answer.subject.slice(this.#inbox.length + 1));
    const waiting = this.#waiting.get(number);
    // One that came too late.
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    if (answer.data.length === 0 && answer.headers?.code === noResponders) {
      waiting.reject(new NoRespondersError(waiting.subject));
    } else {
      waiting.resolve(answer);
    }
  }

  #expire(): void {
    const now = performance.now();
    for (const [number, { deadline, reject }] of this.#waiting) {
      if (deadline > now) return;
      this.#waiting.delete(number);
      reject(new TimeoutError());
    }
  }
}
