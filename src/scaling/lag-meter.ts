import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { measureQueueLag, type QueueLag } from "../chat/queue-lag.ts";
import { LagUnknown } from "./lag-unknown.ts";
import { type Expected, gatherReports, type Reports } from "./reports.ts";
import type { LagSample } from "./sample.ts";
import { type WorkReported, workBetween } from "./work-done.ts";

export type Measured = {
  readonly sample: LagSample;
  /** People's connections to all servers. */
  readonly connections: number;
};

/** What comes of one attempt to measure. */
export type LagResult = Measured | LagUnknown;

/** How long the leader of ChatIngress may take to answer, in milliseconds. */
const queueTimeout = 2000;

/** Measures the lag of one ChatCluster, one measurement at a time, over a connection to its NATS. */
export class LagMeter {
  readonly #connection: NatsConnection;
  #isConnected = true;
  #last: WorkReported | undefined;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#followConnection();
  }

  /**
   * How far storing lags behind accepting. `expected`: how many servers and workers are ready, by whoever looks after
   * them. What waits in a server that does not answer nobody knows, so the lag is unknown until as many answer as are
   * ready: the server does, or it is not ready any more. A worker that does not answer hides no message.
   * @throws LagUnknown
   */
  async measure(expected: Expected): Promise<Measured> {
    const last = this.#last;
    // What was done until after an outage says nothing of what is done now.
    this.#last = undefined;
    if (!this.#isConnected) throw new LagUnknown("NATSUnreachable", "the connection to NATS is lost");
    const at = performance.now();
    const [queue, { servers, workers }] = await Promise.all([
      this.#measureQueue(),
      this.#gatherReports(expected),
    ]);
    if (servers.length < expected.servers) {
      throw new LagUnknown(
        "ServersSilent",
        `${servers.length} of ${expected.servers} chat servers say what waits in them`,
      );
    }
    this.#last = { at, workers };
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
    return {
      sample: {
        at,
        lagSeconds: Math.max(queue.seconds, ...servers.map(({ oldestSeconds }) => oldestSeconds)),
        lagBytes: queue.bytes + sum(servers.map(({ waitingBytes }) => waitingBytes)),
        workers: workers.length,
        ...workBetween(last, this.#last),
      },
      connections: sum(servers.map(({ connections }) => connections)),
    };
  }

  async #measureQueue(): Promise<QueueLag> {
    try {
      const options = { checkAPI: false, timeout: queueTimeout };
      return await measureQueueLag(await jetstreamManager(this.#connection, options));
    } catch (error) {
      const { message } = error as Error;
      throw new LagUnknown("QueueSilent", `the queue does not say what waits in it: ${message}`, error);
    }
  }

  async #gatherReports(expected: Expected): Promise<Reports> {
    try {
      return await gatherReports(this.#connection, expected);
    } catch (error) {
      throw new LagUnknown("NATSUnreachable", "the connection to NATS is lost", error);
    }
  }

  async #followConnection(): Promise<void> {
    // What is asked meanwhile would be kept, and asked all at once later.
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect") this.#isConnected = false;
      if (type === "reconnect") this.#isConnected = true;
    }
    this.#isConnected = false;
  }
}
