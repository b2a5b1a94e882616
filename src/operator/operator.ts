import type { Registry } from "prom-client";
import { lagMetrics } from "../scaling/lag-metrics.ts";
import { scalingMetrics } from "../scaling/scaling-metrics.ts";
import { Applier } from "./applier.ts";
import { Caches } from "./caches.ts";
import { KubeApi } from "./kube/api.ts";
import { clientMetrics } from "./kube/client-metrics.ts";
import { Controller } from "./kube/controller.ts";
import { controllerMetrics } from "./kube/controller-metrics.ts";
import type { Credentials } from "./kube/credentials.ts";
import { Elector } from "./kube/elector.ts";
import { electorMetrics } from "./kube/elector-metrics.ts";
import { EventRecorder } from "./kube/events.ts";
import { keyOf } from "./kube/objects.ts";
import { queueMetrics } from "./kube/queue-metrics.ts";
import { LagWatch } from "./lag/lag-watch.ts";
import { Monitoring } from "./monitoring.ts";
import { natsHealthMetrics } from "./nats-health-metrics.ts";
import { Reconciler, type ReconcilerSettings } from "./reconciler.ts";
import { statusMetrics } from "./status-metrics.ts";
import { Workers } from "./workers.ts";

export type OperatorSettings = Pick<
  ReconcilerSettings,
  "image" | "operatorNamespace" | "provideNats" | "natsUrl" | "log"
> & {
  /** Where its ChatClusters are; none for all namespaces. */
  readonly namespaces: readonly string[];
  readonly concurrency: number;
  readonly leaderElection: boolean;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  /** Of this process; no other one may ever have the same. */
  readonly identity: string;
  readonly requestsPerSecond: number;
  readonly registry: Registry;
  readonly credentials: Credentials;
  /** How long a watch may be silent before it is opened anew, in milliseconds. */
  readonly silenceLimit?: number;
};

const controllerName = "chatcluster";

/** Looks after ChatClusters. Of several, only the one that holds the Lease changes anything; all know how things are. */
export class Operator {
  readonly #settings: OperatorSettings;
  readonly #electionApi: KubeApi;
  readonly #api: KubeApi;
  readonly #elector: Elector;
  readonly #caches: Caches;
  readonly #controller: Controller;
  readonly #events: EventRecorder;
  readonly #lag: LagWatch;
  readonly #monitoring: Monitoring;
  #isSynced = false;
  #isActing = false;
  #isStopping = false;

  constructor(settings: OperatorSettings) {
    const { credentials, log, registry, namespaces, image, operatorNamespace } = settings;
    const { provideNats, natsUrl, requestsPerSecond } = settings;
    this.#settings = settings;
    const onRequest = clientMetrics(registry);
    const leads = electorMetrics(registry, settings.leaseName);
    // Of its own, so that no rate limit holds a renewal back.
    this.#electionApi = new KubeApi({ credentials, onRequest });
    this.#elector = new Elector({
      api: this.#electionApi,
      log,
      namespace: settings.leaseNamespace,
      name: settings.leaseName,
      identity: settings.identity,
      onChange: leads,
    });
    this.#api = new KubeApi({
      credentials,
      onRequest,
      requestsPerSecond,
      burst: 2 * requestsPerSecond,
      ...(settings.leaderElection && { beforeWrite: this.#elector.assertLeader }),
    });
    this.#events = new EventRecorder({ api: this.#api, log, instance: settings.identity });
    const applier = new Applier(this.#api);
    this.#caches = new Caches({
      api: this.#api,
      log,
      namespaces,
      ...(settings.silenceLimit !== undefined && { silenceLimit: settings.silenceLimit }),
      onChange: (key) => this.#changed(key),
      onGone: (object) => reconciler.forget(object),
    });
    this.#lag = new LagWatch({
      metrics: lagMetrics(registry),
      natsMetrics: natsHealthMetrics(registry),
      log,
      onChange: (key) => this.#controller.queue.add(key),
    });
    statusMetrics(registry, () => this.#caches.chatClusters());
    this.#monitoring = new Monitoring({
      api: this.#api,
      caches: this.#caches,
      events: this.#events,
      log,
      onFound: (key) => this.#changed(key),
    });
    const reconciler = new Reconciler({
      api: this.#api,
      caches: this.#caches,
      applier,
      events: this.#events,
      monitoring: this.#monitoring,
      log,
      image,
      ...(operatorNamespace !== undefined && { operatorNamespace }),
      lag: this.#lag,
      workers: new Workers({
        metrics: scalingMetrics(registry),
        events: this.#events,
        log,
        onChange: (key) => this.#controller.queue.add(key),
      }),
      provideNats,
      natsUrl,
    });
    this.#controller = new Controller({
      name: controllerName,
      reconcile: reconciler.reconcile,
      log,
      concurrency: settings.concurrency,
      queueMetrics: queueMetrics(registry)(controllerName),
      metrics: controllerMetrics(registry)(controllerName),
    });
  }

  /** Done when it acts. An error when it leads no more: then the process has to end. */
  async run(): Promise<void> {
    const { leaderElection } = this.#settings;
    // All know how things are, so that whoever leads next can begin at once.
    await this.#caches.start();
    await this.#monitoring.start();
    this.#isSynced = true;
    if (leaderElection) {
      this.#elector.lost.addEventListener("abort", () => {
        if (!this.#isStopping)
          throw new Error(`it leads no more: ${(this.#elector.lost.reason as Error).message}`);
      });
      this.#elector.start();
      await this.#elector.leading;
    }
    this.#isActing = true;
    // What is there has waited; what changes from now on is sooner seen to.
    for (const { metadata } of this.#caches.chatClusters())
      this.#controller.queue.add(keyOf(metadata), "background");
    this.#controller.start();
  }

  /** Whoever waits for its turn to lead keeps no list of what has changed meanwhile. */
  #changed(key: string): void {
    if (this.#isActing) this.#controller.queue.add(key);
  }

  /** Why it can't do its work, or undefined. One that waits for its turn to lead is ready. */
  notReady(): string | undefined {
    return this.#isSynced ? undefined : "reading what there is";
  }

  /** What is at work comes to an end, then the next one may lead. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#controller.stop();
    await this.#lag.stop();
    this.#monitoring.stop();
    await this.#events.stop();
    await this.#caches.stop();
    if (this.#settings.leaderElection) await this.#elector.stop();
    this.#api.close();
    this.#electionApi.close();
  }
}
