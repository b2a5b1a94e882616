import type { ChatClusterSpec } from "../../cluster/chat-cluster.ts";
import type { Log } from "../../platform/log.ts";
import type { LagResult } from "../../scaling/lag-meter.ts";
import type { LagMetrics } from "../../scaling/lag-metrics.ts";
import { LagUnknown } from "../../scaling/lag-unknown.ts";
import type { Expected } from "../../scaling/reports.ts";
import type { LagSample } from "../../scaling/sample.ts";
import { nameOfKey } from "../kube/objects.ts";
import { TokenBucket } from "../kube/token-bucket.ts";
import type { NatsHealthMetrics } from "../nats-health-metrics.ts";
import type { SeenLag } from "../status/lag.ts";
import { LagDisplay } from "./lag-display.ts";
import { LagFollower } from "./lag-follower.ts";

/** Attempts to connect to NATS per second, of all ChatClusters. */
const attemptsPerSecond = 50;
/** Changes of a status per second that can wait, of all ChatClusters: a part of what may go to the API server. */
const changesPerSecond = 5;

/** A ChatCluster whose lag is to be measured. */
export type LagSource = {
  readonly uid: string;
  /** Its NATS, with user and password. */
  readonly url: string;
  readonly spec: ChatClusterSpec;
  /** How many of its servers and workers are ready; asked at each measurement. */
  readonly expected: () => Expected;
  /** Told what each measurement says; undefined where it failed. */
  readonly onSample: (sample: LagSample | undefined) => void;
};

export type LagWatchSettings = {
  readonly metrics: LagMetrics;
  readonly natsMetrics: NatsHealthMetrics;
  readonly log: Log;
  /** Told the key of a ChatCluster whose status is to say something else of the lag. */
  readonly onChange: (key: string) => void;
};

type Followed = {
  source: LagSource;
  readonly follower: LagFollower;
  readonly display: LagDisplay;
};

/** The lags of all ChatClusters, each measured by itself every few seconds. */
export class LagWatch {
  readonly #settings: LagWatchSettings;
  readonly #followed = new Map<string, Followed>();
  readonly #attempts = new TokenBucket(attemptsPerSecond, 2 * attemptsPerSecond);
  readonly #changes = new TokenBucket(changesPerSecond, 2 * changesPerSecond);

  constructor(settings: LagWatchSettings) {
    this.#settings = settings;
  }

  /** Measures the lag of a ChatCluster from now on. */
  follow(key: string, source: LagSource): void {
    const known = this.#followed.get(key);
    if (known !== undefined && known.source.uid === source.uid && known.source.url === source.url) {
      known.source = source;
      return;
    }
    void this.forget(key);
    const followed: Followed = {
      source,
      display: new LagDisplay({ mayChange: () => this.#changes.tryTake(), now: () => performance.now() }),
      follower: new LagFollower({
        url: source.url,
        expected: () => followed.source.expected(),
        attempts: this.#attempts,
        spec: () => followed.source.spec,
        onResult: (result) => this.#take(key, followed, result),
        onHealth: (health) => this.#settings.natsMetrics.set(nameOfKey(key), health),
      }),
    };
    this.#followed.set(key, followed);
  }

  /** Measures it no more; resolves when the connection is closed. */
  async forget(key: string): Promise<void> {
    const followed = this.#followed.get(key);
    if (followed === undefined) return;
    this.#followed.delete(key);
    this.#settings.metrics.gone(nameOfKey(key));
    this.#settings.natsMetrics.forget(nameOfKey(key));
    await followed.follower.stop();
  }

  isFollowed(key: string): boolean {
    return this.#followed.has(key);
  }

  /** What the status is to say of it. */
  shown(key: string): SeenLag {
    return this.#followed.get(key)?.display.shown;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#followed.keys()].map((key) => this.forget(key)));
  }

  #take(key: string, followed: Followed, result: LagResult): void {
    const { metrics, log, onChange } = this.#settings;
    metrics.measured(nameOfKey(key), result);
    followed.source.onSample(result instanceof LagUnknown ? undefined : result.sample);
    if (!followed.display.take(result, followed.source.spec.workers.lag.targetSeconds)) return;
    if (result instanceof LagUnknown) log.warn({ key, err: result }, "the lag is unknown");
    onChange(key);
  }
}
