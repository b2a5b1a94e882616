import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import { Applier } from "../../src/operator/applier.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** Who decides about what: the operator, other managers of the same objects, and whoever pauses or deletes it. */

let controlPlane: TestControlPlane;
let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  await runOperator(controlPlane);
  await clusters.create("demo");
  await clusters.isReconciled("demo");
});

const kubectl = (...args: string[]): Promise<string> => kubectlAs(controlPlane.kubeconfig, ...args);
const named = (name: string) => ({ namespace: "default", name });
const server = (): Promise<KubeObject> => api.get<KubeObject>(resources.deployments, named("demo-server"));
const service = (): Promise<KubeObject> => api.get<KubeObject>(resources.services, named("demo-server"));

function file(object: object): string {
  const path = join(controlPlane.folder, "applied.json");
  writeFileSync(path, JSON.stringify(object));
  return path;
}

/** A change that makes the operator apply the chat servers again. */
async function applyAgain(maxConnections: number): Promise<void> {
  await clusters.patch("demo", { server: { limits: { maxConnections } } });
  await eventually(async () =>
    expect(JSON.stringify(await server())).toContain(`"--max-connections","${maxConnections}"`),
  );
}

test("a field that the operator wants is its own, whoever takes it by force", async () => {
  const taken = {
    apiVersion: "v1",
    kind: "Service",
    metadata: named("demo-server"),
    spec: { ports: [{ name: "chat", port: 8080, targetPort: 9999 }] },
  };
  await kubectl(
    "apply",
    "--server-side",
    "--field-manager=rival",
    "--force-conflicts",
    `--filename=${file(taken)}`,
  );
  await eventually(async () =>
    expect((await service()).spec).toMatchObject({ ports: [{ targetPort: "chat" }] }),
  );
  const owners = (await service()).metadata.managedFields as { manager: string; fieldsV1: object }[];
  const owner = owners.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes("f:targetPort"));
  expect(owner.map(({ manager }) => manager)).toEqual(["disroom-operator"]);
  // What it has in common with the operator, it gives back.
  const { apiVersion, kind, metadata } = taken;
  await kubectl(
    "apply",
    "--server-side",
    "--field-manager=rival",
    `--filename=${file({ apiVersion, kind, metadata })}`,
  );
});

test("kubectl apply and kubectl scale do not get their way with it either", async () => {
  const exported = JSON.parse(await kubectl("get", "deployment", "demo-server", "--output=json"));
  exported.spec.replicas = 9;
  exported.spec.template.spec.containers[0].image = "their/image:1";
  delete exported.metadata.resourceVersion;
  await kubectl("apply", `--filename=${file(exported)}`);
  const isRight = {
    replicas: 2,
    template: { spec: { containers: [{ image: "ghcr.io/disroom/disroom:0.1.0" }] } },
  };
  await eventually(async () => expect((await server()).spec).toMatchObject(isRight));
  const { generation = 0 } = (await server()).metadata;
  await kubectl("scale", "deployment", "demo-server", "--replicas=7");
  await eventually(async () => {
    const { spec, metadata } = await server();
    expect(spec).toMatchObject({ replicas: 2 });
    expect(metadata.generation).toBeGreaterThan(generation + 1);
  });
});

test("what another manager has, too, cannot be taken away from it, which is told", async () => {
  await clusters.create("shared");
  await clusters.isReconciled("shared");
  const name = named("shared-server");
  const port = { name: "chat", port: 8080, targetPort: "chat" };
  const theirs = { apiVersion: "v1", kind: "Service", metadata: name, spec: { ports: [port] } };
  await kubectl("apply", "--server-side", "--field-manager=rival", `--filename=${file(theirs)}`);
  // With both ports, two of them would have one name.
  await clusters.patch("shared", { server: { service: { port: 2323 } } });
  await clusters.says("shared", "ReconcileSuccess", {
    status: "False",
    reason: "Invalid",
    message: expect.stringMatching(/^Service shared-server: .*spec.ports.*Duplicate value: "chat"/),
  });
  await api.delete(resources.services, name);
  await clusters.says("shared", "ReconcileSuccess", { status: "True" });
  const { spec } = await api.get<KubeObject>(resources.services, name);
  expect(spec).toMatchObject({ ports: [{ port: 2323 }] });
});

test("an object of somebody else that has the name already stays as it is, which is told", async () => {
  const name = named("late-nats");
  const selector = { app: "theirs" };
  const theirs = {
    apiVersion: "v1",
    kind: "Service",
    metadata: name,
    spec: { selector, ports: [{ port: 4222 }] },
  };
  await kubectl("apply", `--filename=${file(theirs)}`);
  await clusters.create("late");
  await clusters.says("late", "ReconcileSuccess", {
    status: "False",
    reason: "Conflict",
    message: expect.stringMatching(/^Service late-nats: .*conflict/),
  });
  const { metadata, spec } = await api.get<KubeObject>(resources.services, name);
  expect(metadata.ownerReferences).toBeUndefined();
  expect(spec).toMatchObject({ selector });
  await api.delete(resources.services, name);
  await clusters.says("late", "ReconcileSuccess", { status: "True" });
});

test("a child whose labels somebody changes is still one", async () => {
  const label = "app.kubernetes.io/name";
  await kubectl("label", "deployment", "demo-server", `${label}=theirs`, "--overwrite");
  await eventually(async () => expect((await server()).metadata.labels?.[label]).toBe("disroom"));
});

test("what the operator does not set is left to others", async () => {
  await kubectl("label", "deployment", "demo-server", "team=chat");
  await kubectl("annotate", "service", "demo-server", "example.com/pool=a");
  await kubectl("rollout", "restart", "deployment/demo-server");
  await kubectl("scale", "deployment", "demo-worker", "--replicas=5");
  const theirs = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: named("demo-server"),
    spec: { revisionHistoryLimit: 7, template: { spec: { dnsPolicy: "Default" } } },
  };
  await kubectl("apply", "--server-side", "--field-manager=colleague", `--filename=${file(theirs)}`);
  await applyAgain(123);
  await clusters.patch("demo", {
    server: { service: { port: 2323 } },
    workers: { lag: { targetSeconds: 9 } },
  });
  await eventually(async () => expect((await service()).spec).toMatchObject({ ports: [{ port: 2323 }] }));
  await clusters.isReconciled("demo");
  const { metadata, spec } = await server();
  expect(metadata.labels).toMatchObject({ team: "chat", "app.kubernetes.io/name": "disroom" });
  expect(spec).toMatchObject({
    revisionHistoryLimit: 7,
    template: {
      metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": expect.any(String) } },
      spec: { dnsPolicy: "Default" },
    },
  });
  expect((await service()).metadata.annotations).toMatchObject({ "example.com/pool": "a" });
  // The number of workers goes by their lag alone.
  const workers = await api.get<KubeObject>(resources.deployments, named("demo-worker"));
  expect(workers.spec).toMatchObject({ replicas: 1 });
});

test("what the ChatCluster does not ask for any more goes, and only that", async () => {
  await clusters.patch("demo", {
    server: { service: { annotations: { ours: "1" } }, pod: { labels: { ours: "1" } } },
  });
  await eventually(async () => expect((await service()).metadata.annotations).toMatchObject({ ours: "1" }));
  await kubectl("annotate", "service", "demo-server", "theirs=2");
  await clusters.patch("demo", { server: { service: { annotations: null }, pod: null } });
  await eventually(async () => expect((await service()).metadata.annotations).not.toHaveProperty("ours"));
  expect((await service()).metadata.annotations).toHaveProperty("theirs");
  await eventually(async () =>
    expect((await server()).spec).not.toHaveProperty("template.metadata.labels.ours"),
  );
});

test("of one that is paused nothing is changed, and how it is goes on to be told", async () => {
  await clusters.create("paused");
  await clusters.isReconciled("paused");
  await clusters.patch("paused", { paused: true });
  await clusters.says("paused", "Progressing", { status: "False", reason: "Paused" });
  await clusters.patch("paused", { server: { replicas: 5 } });
  await api.delete(resources.deployments, named("paused-redis"));
  const edit = { spec: { replicas: 0 } };
  await api.mergePatch(resources.deployments, named("paused-server"), edit);
  await clusters.says("paused", "RedisReady", { status: "False", reason: "Missing" });
  await expect(api.get(resources.deployments, named("paused-redis"))).rejects.toThrow("not found");
  expect((await api.get<KubeObject>(resources.deployments, named("paused-server"))).spec).toMatchObject(
    edit.spec,
  );
  const { metadata, status } = await clusters.read("paused");
  expect(status?.observedGeneration).toBeLessThan(metadata.generation ?? 0);

  await clusters.patch("paused", { paused: false });
  await eventually(() => api.get(resources.deployments, named("paused-redis")));
  await eventually(async () => {
    const { spec } = await api.get<KubeObject>(resources.deployments, named("paused-server"));
    expect(spec).toMatchObject({ replicas: 5 });
  });
});

test("what was made a moment ago does not count as made again while the cache has not seen it", async () => {
  const applier = new Applier(api);
  const { signal } = new AbortController();
  const { configMaps } = resources;
  const wanted = (name: string, text = "a"): KubeObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: named(name),
    data: { text },
  });
  expect(await applier.apply(configMaps, wanted("applied"), undefined, signal)).toBe("created");
  expect(await applier.apply(configMaps, wanted("applied"), undefined, signal)).toBe("unchanged");
  const seen = await api.get<KubeObject>(configMaps, named("applied"));
  expect(await applier.apply(configMaps, wanted("applied", "b"), seen, signal)).toBe("changed");

  const created = await applier.create(configMaps, wanted("created"), signal);
  expect(await applier.apply(configMaps, wanted("created"), undefined, signal)).toBe("unchanged");
  expect(await applier.apply(configMaps, wanted("created"), created, signal)).toBe("unchanged");
  await expect(applier.create(configMaps, wanted("created", "b"), signal)).rejects.toMatchObject({
    isAlreadyExists: true,
  });
});

/** All that is in a namespace but Events, as `pod/demo-nats-0`. */
async function everythingIn(namespace: string): Promise<string[]> {
  const kinds = await kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name");
  const wanted = kinds
    .trim()
    .split("\n")
    .filter((kind) => !kind.startsWith("events"));
  const found = await kubectl("get", wanted.join(","), `--namespace=${namespace}`, "--output=name");
  return [...new Set(found.trim().split("\n"))].toSorted();
}

test.each([
  ["Retain", ["data-demo-nats-0", "data-demo-nats-1", "data-demo-nats-2"]],
  ["Delete", []],
])(
  "in a namespace that is `restricted` its pods come; with it goes all but volumes: %s",
  async (whenDeleted, kept) => {
    const namespace = `of-${whenDeleted.toLowerCase()}`;
    const there = await clusters.inNamespace(namespace, {
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    const serviceAccount = { namespace, name: "default" };
    await eventually(() => api.get(resources.serviceAccounts, serviceAccount));
    await eventually(() => api.get(resources.configMaps, { namespace, name: "kube-root-ca.crt" }));
    const before = await everythingIn(namespace);
    await there.create("demo", { nats: { storage: { whenDeleted } } });
    await eventually(
      async () => {
        const { items } = await api.list<KubeObject>(resources.pods, { namespace });
        const parts = items.map(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"]);
        expect(parts.toSorted()).toEqual(["nats", "nats", "nats", "redis", "server", "server", "worker"]);
      },
      { milliseconds: 30_000 },
    );
    await there.isReconciled("demo");
    await there.delete("demo");
    const claims = kept.map((name) => `persistentvolumeclaim/${name}`);
    await eventually(
      async () => expect(await everythingIn(namespace)).toEqual([...before, ...claims].toSorted()),
      { milliseconds: 60_000, interval: 500 },
    );
  },
);

test("a Secret with passwords that somebody deletes comes back as it was, and no pod is replaced", async () => {
  const secret = named("demo-credentials");
  const before = await api.get<KubeObject>(resources.secrets, secret);
  const generations = async () => [
    (await server()).metadata.generation,
    (await api.get<KubeObject>(resources.statefulSets, named("demo-nats"))).metadata.generation,
  ];
  const last = await generations();
  await api.delete(resources.secrets, secret);
  await eventually(async () => {
    const { metadata, data } = await api.get<KubeObject>(resources.secrets, secret);
    expect(metadata.uid).not.toBe(before.metadata.uid);
    expect(data).toEqual(before.data);
  });
  await clusters.isReconciled("demo");
  expect(await generations()).toEqual(last);
});
