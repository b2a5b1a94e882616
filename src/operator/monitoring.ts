import type { Log } from "../platform/log.ts";
import type { Caches, WatchedChatCluster } from "./caches.ts";
import type { KubeApi } from "./kube/api.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf } from "./kube/objects.ts";
import { type Resource, resources } from "./kube/resource.ts";
import { monitoringObjects } from "./resources/monitoring.ts";
import { nameOf } from "./resources/names.ts";

/** The kinds that spec.monitoring may ask for. Where the Prometheus Operator is not installed, there are no such objects. */
const kinds: readonly Resource[] = [resources.configMaps, resources.podMonitors, resources.prometheusRules];

/** How often is looked whether it has been installed since, in milliseconds. */
const lookAgain = 5 * 60_000;

export type MonitoringSettings = {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly events: EventRecorder;
  readonly log: Log;
  /** Told the key of every ChatCluster when there is a new kind that it may have asked for. */
  readonly onFound: (key: string) => void;
};

/** What ChatClusters ask for in spec.monitoring, as far as this Kubernetes knows it. */
export class Monitoring {
  readonly #settings: MonitoringSettings;
  readonly #watched = new Set<string>();
  /** Kinds that are watched, of which maybe not all is known yet. */
  readonly #found = new Set<string>();
  /** By uid and kind: who was told that there is no such kind. */
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: MonitoringSettings) {
    this.#settings = settings;
  }

  /** Done when it knows which kinds there are, or that the API server does not tell now. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), lookAgain);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What is to be applied; what cannot be is told in an event, once. */
  wanted(cluster: WatchedChatCluster): KubeObject[] {
    return monitoringObjects(cluster).filter(({ kind }) => {
      if (!this.#found.has(kind)) this.#tellMissing(cluster, kind);
      return this.#watched.has(kind);
    });
  }

  /** Removes what it asks for no more. */
  async removeUnwanted(cluster: WatchedChatCluster, signal: AbortSignal): Promise<void> {
    const { api, caches, events } = this.#settings;
    const name = { namespace: cluster.metadata.namespace, name: nameOf(cluster, "monitoring") };
    const wanted = monitoringObjects(cluster).map(({ kind }) => kind);
    for (const resource of kinds.filter(({ kind }) => !wanted.includes(kind))) {
      const existing = caches.get(resource.kind, name);
      const { uid, ownerReferences = [] } = existing?.metadata ?? {};
      if (uid === undefined || !ownerReferences.some((owner) => owner.uid === cluster.metadata.uid)) continue;
      await api.delete(resource, name, { signal, preconditions: { uid } });
      events.record(cluster, "Normal", "Removed", `${resource.kind} ${name.name} was removed`);
    }
  }

  async #look(): Promise<void> {
    const { api, caches, log, onFound } = this.#settings;
    for (const resource of kinds.filter(({ kind }) => !this.#found.has(kind))) {
      const { kind } = resource;
      try {
        if (!(await api.kinds(resource)).has(kind)) continue;
      } catch (error) {
        log.warn({ err: error, kind }, "cannot tell whether there is such a kind");
        continue;
      }
      this.#found.add(kind);
      caches.watchAlso(resource).then(
        () => {
          this.#watched.add(kind);
          for (const { metadata } of caches.chatClusters()) onFound(keyOf(metadata));
        },
        // It was stopped meanwhile.
        (error) => log.debug({ err: error, kind }, "does not watch"),
      );
    }
  }

  #tellMissing(cluster: WatchedChatCluster, kind: string): void {
    const key = `${cluster.metadata.uid} ${kind}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    const message = `spec.monitoring asks for a ${kind}, which this Kubernetes does not know: install the Prometheus Operator`;
    this.#settings.events.record(cluster, "Warning", "KindUnknown", message);
  }
}
