import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { ChatClusterSpec } from "../../cluster/chat-cluster.ts";
import { connectOnce } from "../../platform/nats.ts";
import { within } from "../../platform/within.ts";
import { LagMeter, type LagResult } from "../../scaling/lag-meter.ts";
import { LagUnknown } from "../../scaling/lag-unknown.ts";
import type { Expected } from "../../scaling/reports.ts";
import { type BackOffSettings, backOff } from "../kube/back-off.ts";
import type { TokenBucket } from "../kube/token-bucket.ts";
import { type NatsHealth, readNatsHealth } from "../nats-health.ts";

/** Between two measurements, in milliseconds; a tenth more or less, so that many don't measure at once. */
const interval = 3000;
const jitter = 0.1;
/** Between two attempts to connect, in milliseconds. */
const retry: BackOffSettings = { first: interval, most: 60_000 };
/** One in so many measurements looks at NATS itself, too. */
const healthEvery = 10;
/** How long whoever stops it waits for an attempt to connect that is under way, in milliseconds. */
const stopLimit = 3000;

export type LagFollowerSettings = {
  /** NATS, with user and password. */
  readonly url: string;
  /** How many servers and workers are ready; asked at each measurement. */
  readonly expected: () => Expected;
  /** Where attempts to connect wait for their turn, with those of others. */
  readonly attempts: TokenBucket;
  readonly onResult: (result: LagResult) => void;
  /** Told less often how NATS itself is; undefined where it does not say. */
  readonly onHealth: (health: NatsHealth | undefined) => void;
  /** What there is to be in NATS. */
  readonly spec: () => ChatClusterSpec;
};

/** Measures the lag of one ChatCluster all the time, over a connection that it holds, until it is stopped. */
export class LagFollower {
  readonly #settings: LagFollowerSettings;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #open: { readonly connection: NatsConnection; readonly meter: LagMeter } | undefined;
  #failedAttempts = 0;

  constructor(settings: LagFollowerSettings) {
    this.#settings = settings;
    this.#ended = this.#run();
  }

  /** Nothing is told any more from now on; resolves when the connection is closed, or after `stopLimit`. */
  async stop(): Promise<void> {
    this.#stop.abort();
    // Ends what is being asked, too.
    await this.#open?.connection.close();
    await within(stopLimit, this.#ended);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const pause = (milliseconds: number): Promise<unknown> =>
      delay(milliseconds, undefined, { signal }).catch(() => {});
    for (let round = 0; !signal.aborted; round++) {
      if (this.#open === undefined) await pause(this.#settings.attempts.take());
      if (signal.aborted) return;
      const result = await this.#measure();
      if (signal.aborted) return;
      this.#settings.onResult(result);
      if (round % healthEvery === 0 || result instanceof LagUnknown) {
        const health = await this.#readHealth();
        if (signal.aborted) return;
        this.#settings.onHealth(health);
      }
      await pause(
        this.#failedAttempts > 0
          ? backOff(retry, this.#failedAttempts)
          : interval * (1 + jitter * (2 * Math.random() - 1)),
      );
    }
  }

  async #measure(): Promise<LagResult> {
    try {
      const { meter } = this.#open ?? (await this.#connect());
      return await meter.measure(this.#settings.expected());
    } catch (error) {
      if (error instanceof LagUnknown) return error;
      throw error;
    }
  }

  async #readHealth(): Promise<NatsHealth | undefined> {
    const { connection } = this.#open ?? {};
    return connection && readNatsHealth(connection, this.#settings.spec()).catch(() => undefined);
  }

  async #connect(): Promise<{ readonly meter: LagMeter }> {
    const { url } = this.#settings;
    let connection: NatsConnection;
    try {
      connection = await connectOnce(url, "disroom operator");
    } catch (error) {
      this.#failedAttempts++;
      const message = `NATS cannot be reached at ${new URL(url).host}: ${(error as Error).message}`;
      throw new LagUnknown("NATSUnreachable", message, error);
    }
    this.#failedAttempts = 0;
    const open = { connection, meter: new LagMeter(connection) };
    this.#open = open;
    void connection.closed().then(() => {
      this.#open = undefined;
    });
    if (this.#stop.signal.aborted) await connection.close();
    return open;
  }
}
