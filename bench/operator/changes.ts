import { setTimeout as delay } from "node:timers/promises";
import type { WatchedChatCluster } from "../../src/operator/caches.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { type KubeObject, keyOf, type ObjectName } from "../../src/operator/kube/objects.ts";
import { type Resource, resources } from "../../src/operator/kube/resource.ts";
import { nameOf } from "../../src/operator/resources/names.ts";
import { Histogram } from "../load/histogram.ts";

/** How long the operator may take, in milliseconds. */
const changeLimit = 60_000;

/** Milliseconds from sending a change until a client that watches sees what the operator made of it. */
export type ChangeTimes = {
  readonly spec: Histogram;
  readonly deleted: Histogram;
  readonly all: readonly Change[];
};

/** One change, of or for a Deployment. Times are in milliseconds since 1970. */
export type Change = {
  /** `namespace/name` of the Deployment. */
  readonly deployment: string;
  readonly sentAt: number;
  /** When the API server's answer to the change was there. */
  readonly answeredAt: number;
  /** When another client saw what the operator made of it. */
  readonly seenAt: number;
};

export type ChangesOptions = {
  readonly api: KubeApi;
  readonly clusters: readonly WatchedChatCluster[];
  readonly count: number;
  readonly perSecond: number;
};

/**
 * Changes things at a steady pace, whether or not the operator keeps up: in turns the number of servers in the spec of a
 * ChatCluster, and a deleted Deployment. Each has a ChatCluster of its own: there are no more changes than ChatClusters.
 */
export async function timeChanges({ api, clusters, count, perSecond }: ChangesOptions): Promise<ChangeTimes> {
  const times = { spec: new Histogram(), deleted: new Histogram() };
  const all: Change[] = [];
  const order = shuffled(clusters).slice(0, count);
  const began = performance.now();
  const changes: Promise<void>[] = [];
  for (const [index, cluster] of order.entries()) {
    const dueAt = began + (index * 1000) / perSecond;
    await delay(Math.max(0, dueAt - performance.now()));
    const isSpec = index % 2 === 0;
    const change = (isSpec ? changeServers : deleteServers)(api, cluster).then((made) => {
      times[isSpec ? "spec" : "deleted"].add(made.seenAt - made.sentAt);
      all.push(made);
    });
    // It is awaited later.
    change.catch(() => {});
    changes.push(change);
  }
  await Promise.all(changes);
  return { ...times, all };
}

async function changeServers(api: KubeApi, cluster: WatchedChatCluster): Promise<Change> {
  const replicas = cluster.spec.server.replicas + 1;
  const change = async (): Promise<void> => {
    const patch = { spec: { server: { replicas } } };
    await api.mergePatch(resources.chatClusters, cluster.metadata, patch);
  };
  return untilSeen(api, resources.deployments, serversOf(cluster), change, ({ spec }) => {
    return (spec as { replicas: number }).replicas === replicas;
  });
}

async function deleteServers(api: KubeApi, cluster: WatchedChatCluster): Promise<Change> {
  const name = serversOf(cluster);
  const { uid } = (await api.get(resources.deployments, name)).metadata;
  const change = (): Promise<void> =>
    api.delete(resources.deployments, name, { propagationPolicy: "Background" });
  return untilSeen(api, resources.deployments, name, change, ({ metadata }) => metadata.uid !== uid);
}

const serversOf = (cluster: WatchedChatCluster): ObjectName => ({
  namespace: cluster.metadata.namespace,
  name: nameOf(cluster, "server"),
});

/** Makes a change; done when the object that is watched is as it should become. */
async function untilSeen(
  api: KubeApi,
  resource: Resource,
  { namespace, name }: ObjectName,
  change: () => Promise<void>,
  isThere: (object: KubeObject) => boolean,
): Promise<Change> {
  const selection = { namespace, fieldSelector: `metadata.name=${name}` };
  // Of the list: what the API server knows now. The object's own may be older than what it remembers.
  const { resourceVersion } = await api.list(resource, selection);
  const end = new AbortController();
  const opened = Promise.withResolvers<void>();
  const events = api.watch(resource, {
    ...selection,
    resourceVersion,
    timeoutSeconds: changeLimit / 1000,
    silenceLimit: changeLimit,
    signal: end.signal,
    onOpen: opened.resolve,
  });
  const seen = (async (): Promise<number> => {
    for await (const event of events) {
      if (event.type !== "BOOKMARK" && event.type !== "DELETED" && isThere(event.object)) return now();
    }
    throw new Error(`nothing became of a change of ${namespace}/${name} in ${changeLimit / 1000} s`);
  })();
  seen.catch(opened.reject);
  await opened.promise;
  const sentAt = now();
  try {
    await change();
    const answeredAt = now();
    return { deployment: keyOf({ namespace, name }), sentAt, answeredAt, seenAt: await seen };
  } finally {
    end.abort();
  }
}

/** As the API server has it in its audit log, but finer than Date.now(). */
const now = (): number => performance.timeOrigin + performance.now();

function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}
