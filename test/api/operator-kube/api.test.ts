import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeApi } from "../../../src/operator/kube/api.ts";
import { clientMetrics } from "../../../src/operator/kube/client-metrics.ts";
import { Credentials } from "../../../src/operator/kube/credentials.ts";
import type { KubeObject } from "../../../src/operator/kube/objects.ts";
import { resources } from "../../../src/operator/kube/resource.ts";
import {
  defineChatClusters,
  newFolder,
  runControlPlane,
  type TestControlPlane,
} from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { apiOf, failure, portOf } from "../../support/kube-api.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const { configMaps, chatClusters, deployments, namespaces, pods } = resources;
const inDefault = (name: string) => ({ namespace: "default", name });

let controlPlane: TestControlPlane;
let api: KubeApi;
let proxy: TcpProxy;

beforeAll(async () => {
  controlPlane = await runControlPlane({
    beforeControllers: defineChatClusters,
    // What is asked for in pages is forgotten soon.
    apiServerArgs: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=configmaps#0"],
  });
  api = apiOf(controlPlane);
  proxy = await TcpProxy.open(portOf(controlPlane));
});

afterAll(() => proxy.close());

function configMap(name: string, data: Record<string, string> = {}, more: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { ...inDefault(name), ...more }, data };
}

test("creates, reads, changes and deletes objects", async () => {
  const made = await api.create(configMaps, configMap("one", { a: "1" }));
  expect(made.metadata.uid).toBeDefined();
  expect(await api.get(configMaps, inDefault("one"))).toMatchObject({ kind: "ConfigMap", data: { a: "1" } });
  await api.mergePatch(configMaps, inDefault("one"), { data: { b: "2" } });
  expect(await api.get(configMaps, inDefault("one"))).toMatchObject({ data: { a: "1", b: "2" } });
  await api.delete(configMaps, inDefault("one"));
  expect(await failure(api.get(configMaps, inDefault("one")))).toMatchObject({
    code: 404,
    reason: "NotFound",
    isNotFound: true,
    message: 'get /api/v1/namespaces/default/configmaps/one: configmaps "one" not found (404)',
  });
});

test("says in plain words why the API server refuses", async () => {
  await api.create(configMaps, configMap("there"));
  expect((await failure(api.create(configMaps, configMap("there")))).isAlreadyExists).toBe(true);
  const wrong = await failure(api.create(configMaps, configMap("No Name")));
  expect(wrong).toMatchObject({ code: 422, reason: "Invalid", isInvalid: true });
  expect(wrong.message).toContain("metadata.name: Invalid value");
  await expect(api.get(pods, { name: "without-namespace" })).rejects.toThrow("without its namespace");
});

test("an object that somebody else has changed, or made anew, is not changed or deleted", async () => {
  const old = await api.create(configMaps, configMap("contended"));
  await api.mergePatch(configMaps, inDefault("contended"), { data: { by: "another" } });
  const { uid, resourceVersion } = old.metadata;
  const patch = { metadata: { resourceVersion }, data: { by: "me" } };
  expect((await failure(api.mergePatch(configMaps, inDefault("contended"), patch))).isConflict).toBe(true);
  const remove = (preconditions: object): Promise<void> =>
    api.delete(configMaps, inDefault("contended"), { preconditions });
  expect((await failure(remove({ resourceVersion }))).isConflict).toBe(true);
  expect((await failure(remove({ uid: "00000000-0000-0000-0000-000000000000" }))).isConflict).toBe(true);
  await remove({ uid });
});

test("applies: sets what is given, takes away what is not given any more, leaves what others have set", async () => {
  await api.apply(configMaps, configMap("applied", { mine: "1", gone: "1" }));
  await api.mergePatch(configMaps, inDefault("applied"), { data: { theirs: "1" } });
  const applied = await api.apply(configMaps, configMap("applied", { mine: "2" }));
  expect(applied.data).toEqual({ mine: "2", theirs: "1" });
  expect(applied.metadata.managedFields).toContainEqual(
    expect.objectContaining({ manager: "disroom-operator", operation: "Apply" }),
  );

  const other = { fieldManager: "another", force: false };
  expect((await failure(api.apply(configMaps, configMap("applied", { mine: "3" }), other))).isConflict).toBe(
    true,
  );
  const forced = await api.apply(configMaps, configMap("applied", { mine: "3" }), {
    fieldManager: "another",
  });
  expect(forced.data).toEqual({ mine: "3", theirs: "1" });
});

test("keeps fields that it knows nothing of", async () => {
  const spec = {
    selector: { matchLabels: { app: "x" } },
    template: {
      metadata: { labels: { app: "x" } },
      spec: {
        containers: [
          { name: "x", image: "x", resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }] },
        ],
      },
    },
  };
  const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: inDefault("x"), spec };
  expect(await api.apply(deployments, object)).toMatchObject({ spec });
});

test("applies the subresources status and scale", async () => {
  const head = { apiVersion: "disroom.io/v1alpha1", kind: "ChatCluster", metadata: inDefault("demo") };
  await api.apply(chatClusters, { ...head, spec: {} });
  await api.apply(chatClusters, { ...head, status: { observedGeneration: 1 } }, { subresource: "status" });
  expect(await api.get(chatClusters, inDefault("demo"))).toMatchObject({ status: { observedGeneration: 1 } });

  await api.mergePatch(deployments, inDefault("x"), { spec: { replicas: 3 } }, { subresource: "scale" });
  expect(await api.get(deployments, inDefault("x"))).toMatchObject({ spec: { replicas: 3 } });
  const scale = {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: inDefault("x"),
    spec: { replicas: 2 },
  };
  await api.apply(deployments, scale, { subresource: "scale" });
  expect(await api.get(deployments, inDefault("x"))).toMatchObject({ spec: { replicas: 2 } });
});

test("lists in pages, of one moment, with the kind in each object", async () => {
  const names = Array.from({ length: 25 }, (_, index) => `paged-${String(index).padStart(2, "0")}`);
  await Promise.all(
    names.map((name) => api.create(configMaps, configMap(name, {}, { labels: { set: "paged" } }))),
  );
  const selection = { namespace: "default", labelSelector: "set=paged" };
  const { items, resourceVersion } = await api.list(configMaps, { ...selection, pageSize: 7 });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  expect(Number(resourceVersion)).toBeGreaterThan(0);

  const pages = api.pages(configMaps, { ...selection, pageSize: 20 });
  await pages.next();
  await api.create(configMaps, configMap("paged-99", {}, { labels: { set: "paged" } }));
  const { value } = await pages.next();
  expect(value?.items).toHaveLength(5);

  const { items: everywhere } = await api.list(namespaces);
  expect(everywhere.map(({ metadata }) => metadata.name)).toContain("kube-system");
  const byField = await api.list(configMaps, { ...selection, fieldSelector: "metadata.name=paged-03" });
  expect(byField.items).toHaveLength(1);
});

test("a page that the API server has forgotten is gone", async () => {
  const pages = api.pages(configMaps, { namespace: "default", labelSelector: "set=paged", pageSize: 5 });
  const { value } = await pages.next();
  expect(value?.items).toHaveLength(5);
  // The history is cut off at where it was a second before.
  await eventually(async () => {
    await api.mergePatch(configMaps, inDefault("paged-00"), { data: { at: String(performance.now()) } });
    const other = {
      namespace: "default",
      labelSelector: "set=paged",
      resourceVersion: value?.resourceVersion,
    };
    const watch = api.watch(configMaps, { ...other, timeoutSeconds: 1, silenceLimit: 5000 } as never);
    return watch.next().then(
      () => false,
      () => true,
    );
  });
  expect((await failure(pages.next())).isGone).toBe(true);
});

test("pages that are too large are asked for in smaller parts, and an object that is too large is an error", async () => {
  const bounded = apiOf(controlPlane, { maxAnswerBytes: 50_000 });
  const labels = { set: "large" };
  for (let index = 0; index < 4; index++) {
    await api.create(configMaps, configMap(`large-${index}`, { text: "x".repeat(20_000) }, { labels }));
  }
  const { items } = await bounded.list(configMaps, { namespace: "default", labelSelector: "set=large" });
  expect(items).toHaveLength(4);
  await api.create(configMaps, configMap("larger", { text: "x".repeat(60_000) }));
  expect(await failure(bounded.get(configMaps, inDefault("larger")))).toMatchObject({
    reason: "AnswerTooLarge",
    isNoAnswer: true,
  });
});

test("a request that is not answered ends in time, and the next one goes over a new connection", async () => {
  const reports: string[] = [];
  const bounded = apiOf(controlPlane, {
    port: proxy.port,
    onRequest: ({ verb, code }) => reports.push(`${verb} ${code}`),
  });
  const ask = (timeLimit?: number) =>
    bounded.get(namespaces, { name: "default" }, { ...(timeLimit !== undefined && { timeLimit }) });
  await Promise.all([ask(), ask(), ask()]);
  await ask();
  expect(proxy.connections).toBe(3);
  proxy.freeze();
  const began = performance.now();
  const late = await failure(ask(300));
  expect(performance.now() - began).toBeLessThan(2000);
  expect(late).toMatchObject({ code: 0, reason: "TimedOut" });
  expect(late.message).toBe("get /api/v1/namespaces/default: took longer than 0.3 s");
  // Not over another one of those that were kept.
  await ask(5000);
  expect(reports.slice(-3)).toEqual(["get 200", "get <error>", "get 200"]);
});

test("a request ends when its signal aborts, and none is sent when it has", async () => {
  const away = apiOf(controlPlane, { port: proxy.port });
  proxy.isSilent = true;
  const aborting = new AbortController();
  const request = away.get(namespaces, { name: "default" }, { signal: aborting.signal });
  await eventually(() => proxy.connections > 0);
  aborting.abort(new Error("not wanted any more"));
  await expect(request).rejects.toThrow("not wanted any more");
  await expect(away.get(namespaces, { name: "default" }, { signal: aborting.signal })).rejects.toThrow(
    "not wanted",
  );
  proxy.isSilent = false;
});

test("nothing to connect to is said so", async () => {
  const nowhere = apiOf(controlPlane, { port: 1 });
  expect(await failure(nowhere.get(namespaces, { name: "default" }))).toMatchObject({
    reason: "Unreachable",
    message: "get /api/v1/namespaces/default: connect ECONNREFUSED 127.0.0.1:1",
  });
});

test("asks before each request that changes something whether it may be sent", async () => {
  let asked = 0;
  const guarded = apiOf(controlPlane, {
    beforeWrite: () => {
      asked++;
      throw new Error("not the leader");
    },
  });
  await guarded.get(namespaces, { name: "default" });
  await guarded.list(configMaps, { namespace: "default" });
  expect(asked).toBe(0);
  await expect(guarded.apply(configMaps, configMap("guarded"))).rejects.toThrow("not the leader");
  await expect(guarded.delete(configMaps, inDefault("there"))).rejects.toThrow("not the leader");
  expect(asked).toBe(2);
  expect((await failure(api.get(configMaps, inDefault("guarded")))).isNotFound).toBe(true);
  await api.get(configMaps, inDefault("there"));
});

test("sends no more than it may", async () => {
  const slow = apiOf(controlPlane, { requestsPerSecond: 20, burst: 2 });
  const began = performance.now();
  await Promise.all(Array.from({ length: 6 }, () => slow.get(namespaces, { name: "default" })));
  // Two at once, then four that come 50 ms apart.
  expect(performance.now() - began).toBeGreaterThanOrEqual(199);
});

test("counts requests as client-go does", async () => {
  const registry = new Registry();
  const counted = apiOf(controlPlane, { onRequest: clientMetrics(registry) });
  await counted.get(namespaces, { name: "default" });
  await failure(counted.get(namespaces, { name: "none" }));
  const host = `127.0.0.1:${portOf(controlPlane)}`;
  const text = await registry.metrics();
  expect(text).toContain(`rest_client_requests_total{code="200",method="GET",host="${host}"} 1`);
  expect(text).toContain(`rest_client_requests_total{code="404",method="GET",host="${host}"} 1`);
});

test("a service account's token that is replaced is used at once when the old one does not hold any more", async () => {
  const core = controlPlane.client(CoreV1Api);
  const folder = join(newFolder(), "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "ca.crt"), readFileSync(controlPlane.authority.certificateFile));
  const use = async (name: string): Promise<void> => {
    await core.createNamespacedServiceAccount({ namespace: "default", body: { metadata: { name } } });
    const { status } = await core.createNamespacedServiceAccountToken({
      ...inDefault(name),
      body: { spec: { audiences: [] } },
    });
    writeFileSync(join(folder, "token"), `${status?.token}\n`);
  };
  await use("first");
  process.env.KUBERNETES_SERVICE_HOST = "127.0.0.1";
  process.env.KUBERNETES_SERVICE_PORT = String(portOf(controlPlane));
  const credentials = new Credentials(() => {
    const config = new KubeConfig();
    config.loadFromCluster(folder.replace("/var/run/secrets/kubernetes.io/serviceaccount", ""));
    return config;
  });
  const own = new KubeApi({ credentials });
  const who = (): Promise<KubeObject> =>
    own.create(
      {
        group: "authentication.k8s.io",
        version: "v1",
        plural: "selfsubjectreviews",
        kind: "",
        namespaced: false,
      },
      { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} } as never,
    );
  const named = (name: string): object => ({
    status: { userInfo: { username: `system:serviceaccount:default:${name}` } },
  });
  expect(await who()).toMatchObject(named("first"));
  expect((await failure(own.list(configMaps))).isForbidden).toBe(true);

  await core.deleteNamespacedServiceAccount(inDefault("first"));
  await eventually(async () => (await failure(own.list(configMaps))).isUnauthorized, { interval: 100 });
  await use("second");
  await eventually(async () => expect(await who()).toMatchObject(named("second")), { interval: 100 });
  own.close();
});

test("knows which kinds the API server serves", async () => {
  expect(await api.kinds(chatClusters)).toEqual(new Set(["ChatCluster"]));
  expect(await api.kinds(pods)).toContain("Pod");
  expect(await api.kinds(resources.podMonitors)).toEqual(new Set());
});
