import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { generateCredentials } from "../../src/cluster/credentials.ts";
import { ownedResources, type WatchedChatCluster } from "../../src/operator/caches.ts";
import { KubeApi } from "../../src/operator/kube/api.ts";
import type { Credentials } from "../../src/operator/kube/credentials.ts";
import { ListWatch } from "../../src/operator/kube/list-watch.ts";
import { type KubeObject, keyOf } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { ofAnyCluster } from "../../src/operator/resources/metadata.ts";
import { objectsOf } from "../../src/operator/resources/objects.ts";
import { createLog } from "../../src/platform/log.ts";

const clustersPerNamespace = 100;
/** How many objects are created at once. */
const createdAtOnce = 8;

/** ChatClusters as `examples/minimal.yaml` has them, in namespaces of a hundred, seen by a client of their own. */
export class Fleet {
  /** Of somebody who may do everything, as quickly as can be. */
  readonly api: KubeApi;
  readonly #watch: ListWatch<WatchedChatCluster>;
  /** Those that are as their spec says, by the operator's word. */
  readonly #reconciled = new Set<string>();
  #onReconciled = (): void => {};

  constructor(credentials: Credentials) {
    const rate = 10_000;
    this.api = new KubeApi({ credentials, requestsPerSecond: rate, burst: rate, fieldManager: "bench" });
    this.#watch = new ListWatch<WatchedChatCluster>({
      api: this.api,
      resource: resources.chatClusters,
      log: createLog("operator", "warn"),
      onChange: ({ object }) => {
        const key = keyOf(object.metadata);
        if (!isReconciled(object)) return void this.#reconciled.delete(key);
        this.#reconciled.add(key);
        this.#onReconciled();
      },
    });
    this.#watch.start();
  }

  get clusters(): readonly WatchedChatCluster[] {
    return this.#watch.list();
  }

  async create(count: number): Promise<void> {
    await this.#watch.synced;
    const example = parse(readFileSync("examples/minimal.yaml", "utf8")) as KubeObject;
    const namespaces = Array.from(
      { length: Math.ceil(count / clustersPerNamespace) },
      (_, i) => `chat-${i + 1}`,
    );
    await inParallel(namespaces, (name) =>
      this.api.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } }),
    );
    const names = Array.from({ length: count }, (_, index) => ({
      namespace: namespaces[Math.floor(index / clustersPerNamespace)] as string,
      name: `demo-${index + 1}`,
    }));
    await inParallel(names, (metadata) => this.api.create(resources.chatClusters, { ...example, metadata }));
  }

  /** The time (performance.now()) at which the last of `count` ChatClusters was told to be reconciled. */
  allReconciled(count: number, milliseconds: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.#reconciled.size} of ${count} were reconciled in ${milliseconds / 1000} s`));
      }, milliseconds);
      this.#onReconciled = () => {
        if (this.#reconciled.size < count) return;
        clearTimeout(timer);
        this.#onReconciled = () => {};
        resolve(performance.now());
      };
      this.#onReconciled();
    });
  }

  /** How many objects the ChatClusters should have, and which of them are not there, as `kind namespace/name`. */
  async compare(): Promise<{ objects: number; missing: string[] }> {
    const options = { mayFound: true, image: "", workers: 1, credentials: generateCredentials() };
    const wanted = this.clusters.flatMap((cluster) => objectsOf(cluster, options)).map(idOf);
    const found = new Set<string>();
    for (const resource of ownedResources) {
      for await (const { items } of this.api.pages<KubeObject>(resource, { labelSelector: ofAnyCluster })) {
        for (const item of items) found.add(idOf(item));
      }
    }
    return { objects: wanted.length, missing: wanted.filter((id) => !found.has(id)) };
  }

  async countPods(): Promise<number> {
    let count = 0;
    for await (const { items } of this.api.pages(resources.pods, { labelSelector: ofAnyCluster })) {
      count += items.length;
    }
    return count;
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.api.close();
  }
}

const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${keyOf(metadata)}`;

function isReconciled({ metadata, status }: WatchedChatCluster): boolean {
  return (
    status?.observedGeneration === metadata.generation &&
    (status?.conditions?.some(({ type, status }) => type === "ReconcileSuccess" && status === "True") ??
      false)
  );
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: createdAtOnce }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
