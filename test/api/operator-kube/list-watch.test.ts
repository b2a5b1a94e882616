import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../../src/operator/kube/api.ts";
import { ListWatch, type ListWatchSettings } from "../../../src/operator/kube/list-watch.ts";
import type { KubeObject } from "../../../src/operator/kube/objects.ts";
import { type Resource, resources } from "../../../src/operator/kube/resource.ts";
import type { Change } from "../../../src/operator/kube/store.ts";
import { runControlPlane, type TestControlPlane } from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { apiOf, portOf } from "../../support/kube-api.ts";
import { recordingLog } from "../../support/recording-log.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const { configMaps, namespaces, secrets } = resources;

let controlPlane: TestControlPlane;
let api: KubeApi;
let proxy: TcpProxy;
/** Requests that were sent by way of the proxy: "list 200". */
const requests: string[] = [];
const running: ListWatch[] = [];
let count = 0;

beforeAll(async () => {
  controlPlane = await runControlPlane({
    // The history of config maps is etcd's, which is cut off at where it was a second before. That of everything
    // else is the API server's own, which begins with its start.
    apiServerArgs: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=configmaps#0"],
  });
  api = apiOf(controlPlane);
  proxy = await TcpProxy.open(portOf(controlPlane));
});

afterEach(async () => {
  proxy.isRefusing = false;
  proxy.isSilent = false;
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

afterAll(() => proxy.close());

type Watched = {
  readonly watch: ListWatch;
  readonly namespace: string;
  /** What it told: "added one". */
  readonly told: string[];
  readonly changes: Change<KubeObject>[];
  /** Names of what it has. */
  names(): string[];
  create(name: string, data?: object): Promise<KubeObject>;
  change(name: string, data: object): Promise<KubeObject>;
  remove(name: string): Promise<void>;
};

/** Watches a namespace of its own, by way of the proxy. */
async function watched(
  resource: Resource = configMaps,
  settings: Partial<ListWatchSettings<KubeObject>> = {},
): Promise<Watched> {
  const namespace = `of-test-${count++}`;
  await api.create(namespaces, { metadata: { name: namespace } });
  requests.length = 0;
  const told: string[] = [];
  const changes: Change<KubeObject>[] = [];
  const watch = new ListWatch({
    api: apiOf(controlPlane, {
      port: proxy.port,
      onRequest: ({ verb, code }) => requests.push(`${verb} ${code}`),
    }),
    resource,
    namespace,
    // What the control plane itself puts into every namespace.
    fieldSelector: "metadata.name!=kube-root-ca.crt",
    log: recordingLog().log,
    onChange: (change) => {
      changes.push(change);
      told.push(`${change.type} ${change.object.metadata.name}`);
    },
    ...settings,
  });
  running.push(watch);
  return {
    watch,
    namespace,
    told,
    changes,
    names: () =>
      watch
        .list()
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    create: (name, data = {}) => api.create(resource, { metadata: { namespace, name }, ...data }),
    change: (name, data) => api.mergePatch(resource, { namespace, name }, data),
    remove: (name) => api.delete(resource, { namespace, name }),
  };
}

async function started(
  resource?: Resource,
  settings?: Partial<ListWatchSettings<KubeObject>>,
): Promise<Watched> {
  const it = await watched(resource, settings);
  it.watch.start();
  await it.watch.synced;
  await eventually(() => it.watch.isWatching);
  return it;
}

/** When the API server was away for long, waits have grown. */
const patient = { milliseconds: 30_000 };

const listCount = (): number => requests.filter((one) => one.startsWith("list")).length;

test("has what was there before, and is told of what comes, changes and goes", async () => {
  const it = await watched();
  await it.create("before", { data: { a: "1" } });
  it.watch.start();
  await it.watch.synced;
  expect(it.names()).toEqual(["before"]);
  await it.create("one");
  await eventually(() => it.names().includes("one"));
  await it.change("one", { data: { a: "2" } });
  await it.remove("before");
  await eventually(() => it.told.length === 4);
  expect(it.told).toEqual(["added before", "added one", "changed one", "deleted before"]);
  expect(it.changes[2]).toMatchObject({ object: { data: { a: "2" } }, old: { metadata: { name: "one" } } });
  expect(it.watch.get({ namespace: it.namespace, name: "one" })).toMatchObject({ data: { a: "2" } });
  expect(it.watch.get({ namespace: it.namespace, name: "before" })).toBeUndefined();
  expect(listCount()).toBe(1);
});

test("only what the labels select, in all namespaces, without what nobody needs in memory", async () => {
  const it = await started(configMaps, {
    namespace: undefined,
    labelSelector: "watched=yes",
    groupOf: ({ metadata }) => metadata.ownerReferences?.[0]?.uid,
  });
  const owner = await it.create("owner");
  const uid = owner.metadata.uid ?? "";
  const labels = { watched: "yes" };
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }];
  for (const name of ["mine", "also-mine"]) {
    await api.create(configMaps, { metadata: { namespace: it.namespace, name, labels, ownerReferences } });
  }
  await api.create(configMaps, { metadata: { namespace: "default", name: "elsewhere", labels } });
  await eventually(() => it.names().length === 3);
  expect(it.watch.list().some(({ metadata }) => "managedFields" in metadata)).toBe(false);
  const owned = (): string[] => it.watch.inGroup(uid).map(({ metadata }) => metadata.name);
  expect(owned()).toEqual(["mine", "also-mine"]);
  // What loses its label is gone for whoever watches by it.
  await it.change("mine", { metadata: { labels: { watched: "no" } } });
  await eventually(() => it.told.includes("deleted mine"));
  expect(owned()).toEqual(["also-mine"]);
  expect(it.names()).toEqual(["also-mine", "elsewhere"]);
});

test("2,000 objects come in pages", async () => {
  const it = await watched(secrets, { pageSize: 300, fieldSelector: undefined });
  const left = Array.from({ length: 2000 }, (_, index) => `object-${index}`);
  const workers = Array.from({ length: 10 }, async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await it.create(name);
  });
  await Promise.all(workers);
  it.watch.start();
  await it.watch.synced;
  expect(it.watch.size).toBe(2000);
  expect(it.told).toHaveLength(2000);
  expect(listCount()).toBe(7);
});

test("a connection that breaks costs nothing: the watch goes on from where it was", async () => {
  const it = await started(secrets);
  await it.create("one");
  await it.change("one", { stringData: { a: "1" } });
  await eventually(() => it.told.length === 2);
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => !it.watch.isWatching);
  await it.create("two");
  await it.change("one", { stringData: { a: "2" } });
  await it.remove("one");
  proxy.isRefusing = false;
  await eventually(() => it.told.includes("deleted one"));
  // Nothing is told twice.
  expect(it.told).toEqual(["added one", "changed one", "added two", "changed one", "deleted one"]);
  expect(it.names()).toEqual(["two"]);
  expect(listCount()).toBe(1);
});

test("half an event is none: it comes again, whole", async () => {
  const it = await started();
  const text = "x".repeat(300_000);
  proxy.cutAfter(100_000);
  await it.create("large", { data: { text } });
  await eventually(() => it.names().includes("large"));
  expect(it.watch.list()[0]).toMatchObject({ data: { text } });
  expect(it.told).toEqual(["added large"]);
  expect(requests.filter((one) => one === "watch 200").length).toBeGreaterThan(1);
});

test("a connection that has gone silent is given up, and nothing that happened meanwhile is missed", async () => {
  const it = await started(configMaps, { silenceLimit: 1500 });
  await it.create("one");
  await eventually(() => it.names().includes("one"));
  proxy.freeze();
  await it.create("two");
  await it.remove("one");
  await eventually(() => it.names().join() === "two");
  expect(it.told).toEqual(["added one", "added two", "deleted one"]);
});

test("an API server that is killed and comes back is watched again; what was deleted meanwhile is told", async () => {
  const it = await started(secrets);
  await it.create("stays");
  await it.create("goes");
  await it.create("comes-anew");
  await eventually(() => it.names().length === 3);
  // Only this one is cut off while things happen; with its new start, the API server has forgotten what it was.
  proxy.isRefusing = true;
  await controlPlane.killApiServer();
  await eventually(() => !it.watch.isWatching);
  await controlPlane.restartApiServer();
  await it.remove("goes");
  await it.remove("comes-anew");
  await it.create("comes-anew");
  await it.create("new");
  const before = it.told.length;
  await controlPlane.killApiServer();
  await controlPlane.restartApiServer();
  proxy.isRefusing = false;
  await eventually(() => it.told.includes("added new") && it.told.includes("deleted goes"), patient);
  expect(listCount()).toBe(2);
  expect(it.told.slice(before).toSorted()).toEqual([
    "added comes-anew",
    "added new",
    "deleted comes-anew",
    "deleted goes",
  ]);
  expect(it.names()).toEqual(["comes-anew", "new", "stays"]);
  await it.create("later");
  await eventually(() => it.names().includes("later"));
});

test("what etcd has forgotten is listed anew", async () => {
  const it = await started();
  await it.create("goes");
  await eventually(() => it.names().includes("goes"));
  const seen = it.watch.get({ namespace: it.namespace, name: "goes" })?.metadata.resourceVersion ?? "";
  proxy.isRefusing = true;
  proxy.cut();
  await it.remove("goes");
  await it.create("comes");
  await eventually(async () => {
    await it.change("comes", { data: { at: String(performance.now()) } });
    const watch = api.watch(configMaps, { resourceVersion: seen, timeoutSeconds: 1, silenceLimit: 5000 });
    return watch.next().then(
      () => false,
      (error) => error.isGone as boolean,
    );
  });
  proxy.isRefusing = false;
  await eventually(() => it.told.includes("deleted goes") && it.told.includes("added comes"), patient);
  expect(listCount()).toBe(2);
  expect(requests.filter((one) => one.startsWith("watch")).length).toBeGreaterThan(1);
});

test("a list whose pages take longer than the API server remembers is read at once", async () => {
  const slow = apiOf(controlPlane, {
    requestsPerSecond: 0.4,
    burst: 1,
    onRequest: ({ verb, code }) => requests.push(`${verb} ${code}`),
  });
  const it = await watched(configMaps, { api: slow, pageSize: 2 });
  for (const name of ["a", "b", "c", "d"]) await it.create(name);
  it.watch.start();
  await eventually(async () => {
    await it.change("a", { data: { at: String(performance.now()) } });
    return requests.includes("list 410");
  });
  await it.watch.synced;
  expect(it.names()).toEqual(["a", "b", "c", "d"]);
  expect(requests.slice(0, 3)).toEqual(["list 200", "list 410", "list 200"]);
});

test("one list is enough where the API server is away for long, and waits grow", async () => {
  const failedAt: number[] = [];
  const counting = apiOf(controlPlane, {
    port: proxy.port,
    onRequest: ({ verb, code }) => {
      requests.push(`${verb} ${code}`);
      if (code === "<error>") failedAt.push(performance.now());
    },
  });
  const it = await started(configMaps, { api: counting });
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => failedAt.length >= 4, patient);
  const pauses = failedAt.slice(1).map((at, index) => at - (failedAt[index] ?? 0));
  // Half of what they would be without chance.
  for (const [index, least] of [250, 500, 1000].entries()) {
    expect(pauses[index]).toBeGreaterThanOrEqual(least - 1);
  }
  proxy.isRefusing = false;
  await eventually(() => it.watch.isWatching, patient);
  expect(listCount()).toBe(1);
});

test("says that it cannot list until it can", async () => {
  const { log, lines } = recordingLog();
  const it = await watched(configMaps, { log });
  proxy.isRefusing = true;
  it.watch.start();
  await eventually(() => requests.length >= 6);
  expect(it.watch.isSynced).toBe(false);
  proxy.isRefusing = false;
  await it.watch.synced;
  await eventually(() => it.watch.isWatching);
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    "warn cannot watch, trying again",
    "info watching again",
  ]);
});

test("tells nothing more when it is stopped, whatever it is doing, and leaves no connection", async () => {
  const it = await started();
  await it.watch.stop();
  const { length } = it.told;
  await it.create("one");
  expect(it.told).toHaveLength(length);
  await eventually(() => proxy.connections === 0);

  const never = await watched();
  proxy.isSilent = true;
  never.watch.start();
  await eventually(() => proxy.connections > 0);
  await never.watch.stop();
  await expect(never.watch.synced).rejects.toThrow("watching configmaps was stopped");
});
