import type { Log } from "../platform/log.ts";
import type { LagSample } from "../scaling/sample.ts";
import { type Change, changeText, Scaler } from "../scaling/scaler.ts";
import type { ScalingMetrics } from "../scaling/scaling-metrics.ts";
import type { WatchedChatCluster } from "./caches.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf, nameOfKey } from "./kube/objects.ts";

export type WorkersSettings = {
  readonly metrics: ScalingMetrics;
  readonly events: Pick<EventRecorder, "record">;
  readonly log: Log;
  /** Told the key of a ChatCluster that is to have another number of workers. */
  readonly onChange: (key: string) => void;
};

type Scaled = { readonly uid: string; readonly scaler: Scaler; isAtMaximum: boolean };

/** How many workers each ChatCluster is to have, as its lag has it. */
export class Workers {
  readonly #settings: WorkersSettings;
  /** By key of a ChatCluster. */
  readonly #scaled = new Map<string, Scaled>();

  constructor(settings: WorkersSettings) {
    this.#settings = settings;
  }

  /** How many are to run now, whatever somebody has made of the Deployment. */
  wanted(cluster: WatchedChatCluster, deployment: KubeObject | undefined): number {
    const { scaler } = this.#scalerOf(cluster, deployment);
    const change = scaler.keepWithin(cluster.spec);
    if (change !== undefined) this.#tell(cluster, change);
    return scaler.workers;
  }

  /** Decides upon a new measurement; undefined where it failed. `ready`: workers that are ready. */
  take(
    cluster: WatchedChatCluster,
    deployment: KubeObject | undefined,
    sample: LagSample | undefined,
    ready: number,
  ): void {
    const { metrics, events, onChange } = this.#settings;
    const scaled = this.#scalerOf(cluster, deployment);
    const { reason, change } = scaled.scaler.decide(cluster.spec, sample, ready);
    metrics.decided(cluster.metadata, scaled.scaler.workers, reason.name);
    const isAtMaximum = reason.name === "AtMaximum";
    if (isAtMaximum && !scaled.isAtMaximum)
      events.record(cluster, "Warning", "WorkersAtMaximum", reason.text);
    scaled.isAtMaximum = isAtMaximum;
    if (change === undefined) return;
    this.#tell(cluster, change);
    onChange(keyOf(cluster.metadata));
  }

  /** The ChatCluster is gone, or left alone. */
  forget(key: string): void {
    this.#scaled.delete(key);
    this.#settings.metrics.gone(nameOfKey(key));
  }

  #scalerOf(cluster: WatchedChatCluster, deployment: KubeObject | undefined): Scaled {
    const key = keyOf(cluster.metadata);
    const { uid } = cluster.metadata;
    const known = this.#scaled.get(key);
    if (known?.uid === uid) return known;
    const scaled = { uid, scaler: new Scaler(workersBefore(cluster, deployment)), isAtMaximum: false };
    this.#scaled.set(key, scaled);
    return scaled;
  }

  #tell(cluster: WatchedChatCluster, change: Change): void {
    const { events, log } = this.#settings;
    const text = changeText(change);
    log.info({ key: keyOf(cluster.metadata), reason: change.reason.name }, text);
    events.record(cluster, "Normal", "ScaledWorkers", text);
  }
}

/**
 * How many were wanted when an operator looked after it last. The Deployment may have been changed before the status
 * told of it, or by hand since; of the two, the higher number does no harm.
 */
function workersBefore({ spec, status }: WatchedChatCluster, deployment: KubeObject | undefined): number {
  const { replicas = 0 } = (deployment?.spec ?? {}) as { replicas?: number };
  return Math.max(replicas, status?.workers?.desired ?? 0) || spec.workers.minReplicas;
}
