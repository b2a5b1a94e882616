import { readFileSync } from "node:fs";
import { AppsV1Api, CoreV1Api, CustomObjectsApi, loadYaml } from "@kubernetes/client-node";
import type { Registry } from "prom-client";
import { beforeAll, expect, test } from "vitest";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { runOperator } from "../support/test-operator.ts";

/** The operator against a real API server, without nodes: what it makes of a ChatCluster, and keeps so. */
let controlPlane: TestControlPlane;
let registry: Registry;
let apps: AppsV1Api;
let core: CoreV1Api;
let custom: CustomObjectsApi;
const chatClusters = {
  group: "disroom.io",
  version: "v1alpha1",
  plural: "chatclusters",
  namespace: "default",
};

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  apps = controlPlane.client(AppsV1Api);
  core = controlPlane.client(CoreV1Api);
  custom = controlPlane.client(CustomObjectsApi);
  ({ registry } = await runOperator(controlPlane, { leaderElection: true, requestsPerSecond: 100 }));
});

type Cluster = {
  metadata: { uid: string; resourceVersion: string };
  spec: object;
  status?: { conditions: { type: string; status: string; message: string }[] };
};

async function create(name: string, spec: object = {}): Promise<void> {
  const example = loadYaml<{ spec: object }>(readFileSync("examples/minimal.yaml", "utf8"));
  await custom.createNamespacedCustomObject({
    ...chatClusters,
    body: { ...example, metadata: { name }, spec: { ...example.spec, ...spec } },
  });
}
const read = async (name: string): Promise<Cluster> =>
  custom.getNamespacedCustomObject({ ...chatClusters, name });
const condition = async (name: string, type: string) =>
  (await read(name)).status?.conditions.find((one) => one.type === type);

test("makes what a ChatCluster needs, and says how it is", async () => {
  await create("first");
  await eventually(async () =>
    expect(await condition("first", "ReconcileSuccess")).toMatchObject({ status: "True" }),
  );
  const server = await apps.readNamespacedDeployment({ namespace: "default", name: "first-server" });
  expect(server.spec?.template.spec?.containers[0]?.image).toBe("ghcr.io/disroom/disroom:0.1.0");
  await apps.readNamespacedStatefulSet({ namespace: "default", name: "first-nats" });
  expect(await condition("first", "Ready")).toMatchObject({ status: "False" });
  expect(await condition("first", "NATSReady")).toMatchObject({ message: expect.stringContaining("0 of ") });
});

test("a child that is deleted or edited comes back", async () => {
  await create("drift");
  const deployment = { namespace: "default", name: "drift-server" };
  const before = await eventually(() => apps.readNamespacedDeployment(deployment));
  await apps.deleteNamespacedDeployment(deployment);
  await eventually(async () => {
    const after = await apps.readNamespacedDeployment(deployment);
    expect(after.metadata?.uid).not.toBe(before.metadata?.uid);
  });
  const edit = [{ op: "replace", path: "/spec/replicas", value: 7 }];
  await apps.patchNamespacedDeploymentScale({ ...deployment, body: edit });
  await eventually(async () => {
    expect((await apps.readNamespacedDeployment(deployment)).spec?.replicas).toBe(2);
  });
});

test("NATS nodes become more, and not fewer, which is told", async () => {
  await create("grows", { nats: { replicas: 1 } });
  const statefulSet = { namespace: "default", name: "grows-nats" };
  const becomes = (replicas: number) =>
    custom.patchNamespacedCustomObject({
      ...chatClusters,
      name: "grows",
      body: [{ op: "replace", path: "/spec/nats/replicas", value: replicas }],
    });
  await eventually(async () =>
    expect((await apps.readNamespacedStatefulSet(statefulSet)).spec?.replicas).toBe(1),
  );
  await becomes(5);
  await eventually(async () =>
    expect((await apps.readNamespacedStatefulSet(statefulSet)).spec?.replicas).toBe(5),
  );
  await becomes(3);
  await eventually(async () =>
    expect(await condition("grows", "ReconcileSuccess")).toMatchObject({
      status: "False",
      message: expect.stringContaining("cannot become smaller"),
    }),
  );
  expect((await apps.readNamespacedStatefulSet(statefulSet)).spec?.replicas).toBe(5);
  await becomes(5);
  await eventually(async () =>
    expect(await condition("grows", "ReconcileSuccess")).toMatchObject({ status: "True" }),
  );
});

test("passwords are made once", async () => {
  await create("secret");
  const name = { namespace: "default", name: "secret-credentials" };
  const before = await eventually(() => core.readNamespacedSecret(name));
  await eventually(async () =>
    expect(await condition("secret", "ReconcileSuccess")).toMatchObject({ status: "True" }),
  );
  await apps.deleteNamespacedDeployment({ namespace: "default", name: "secret-redis" });
  await eventually(() => apps.readNamespacedDeployment({ namespace: "default", name: "secret-redis" }));
  expect((await core.readNamespacedSecret(name)).data).toEqual(before.data);
});

/** Requests so far that change something, but for the renewals of the Lease. */
async function writes(): Promise<number> {
  const { values } = (await registry.getSingleMetric("rest_client_request_duration_seconds")?.get()) ?? {
    values: [],
  };
  const counts = (values as { metricName?: string; labels: object; value: number }[]).filter(
    ({ metricName, labels }) =>
      metricName?.endsWith("_count") &&
      ["apply", "create", "delete"].includes((labels as { verb: string }).verb),
  );
  return counts.reduce((sum, { value }) => sum + value, 0);
}

test("where all is as it should be, it writes nothing", async () => {
  await create("steady");
  const isSettled = async () => {
    const { conditions } = (await read("steady")).status ?? {};
    expect(conditions?.find(({ type }) => type === "ReconcileSuccess")).toMatchObject({ status: "True" });
  };
  await eventually(isSettled);
  const objects = async () => {
    const place = { namespace: "default", labelSelector: "app.kubernetes.io/instance=steady" };
    const lists = [
      core.listNamespacedSecret(place),
      core.listNamespacedService(place),
      apps.listNamespacedDeployment(place),
      apps.listNamespacedStatefulSet(place),
    ];
    return (await Promise.all(lists)).flatMap(({ items }) =>
      items.map(({ metadata }) => `${metadata?.name} ${metadata?.generation} ${metadata?.resourceVersion}`),
    );
  };
  // The controllers of Kubernetes have their say first.
  let before = 0;
  await eventually(
    async () => {
      const now = await writes();
      const quiet = now === before;
      before = now;
      expect(quiet).toBe(true);
    },
    { interval: 1500, milliseconds: 30_000 },
  );
  const versions = await objects();
  const { resourceVersion } = (await read("steady")).metadata;

  // Something that concerns nobody makes it look at all objects again.
  await custom.patchNamespacedCustomObject({
    ...chatClusters,
    name: "steady",
    body: [{ op: "add", path: "/metadata/labels", value: { looked: "again" } }],
  });
  const reconciles = async () => await registry.getSingleMetricAsString("controller_runtime_reconcile_total");
  const seen = await reconciles();
  await eventually(async () => expect(await reconciles()).not.toBe(seen));
  expect(await writes()).toBe(before);
  expect(await objects()).toEqual(versions);
  expect((await read("steady")).metadata.resourceVersion).not.toBe(resourceVersion);
});

test("one that is paused is left alone until it goes on", async () => {
  await create("paused", { paused: true });
  await eventually(async () =>
    expect(await condition("paused", "Progressing")).toMatchObject({ reason: "Paused" }),
  );
  const deployment = { namespace: "default", name: "paused-server" };
  await expect(apps.readNamespacedDeployment(deployment)).rejects.toThrow("not found");
  await custom.patchNamespacedCustomObject({
    ...chatClusters,
    name: "paused",
    body: [{ op: "replace", path: "/spec/paused", value: false }],
  });
  await eventually(() => apps.readNamespacedDeployment(deployment));
});

test("what a quota refuses is told, and the others go on", async () => {
  await core.createNamespace({ body: { metadata: { name: "small" } } });
  await core.createNamespacedResourceQuota({
    namespace: "small",
    body: { metadata: { name: "services" }, spec: { hard: { services: "1" } } },
  });
  const example = loadYaml<{ spec: object }>(readFileSync("examples/minimal.yaml", "utf8"));
  const small = { ...chatClusters, namespace: "small" };
  await custom.createNamespacedCustomObject({ ...small, body: { ...example, metadata: { name: "poor" } } });
  await eventually(async () => {
    const { status }: Cluster = await custom.getNamespacedCustomObject({ ...small, name: "poor" });
    expect(status?.conditions.find(({ type }) => type === "ReconcileSuccess")).toMatchObject({
      status: "False",
      message: expect.stringContaining("exceeded quota"),
    });
  });
  await apps.readNamespacedDeployment({ namespace: "small", name: "poor-server" });
  const { items } = await core.listNamespacedEvent({ namespace: "small", fieldSelector: "reason=Refused" });
  expect(items[0]?.message).toContain("exceeded quota");
  await create("rich");
  await eventually(async () =>
    expect(await condition("rich", "ReconcileSuccess")).toMatchObject({ status: "True" }),
  );
});

test("thirty at once are all made", async () => {
  const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => create(name)));
  for (const name of names)
    await eventually(
      async () => expect(await condition(name, "ReconcileSuccess")).toMatchObject({ status: "True" }),
      {
        milliseconds: 60_000,
      },
    );
});

test("the API server is killed and comes back: nothing is missed", async () => {
  await create("survivor");
  const deployment = { namespace: "default", name: "survivor-server" };
  await eventually(() => apps.readNamespacedDeployment(deployment));
  await controlPlane.killApiServer();
  await controlPlane.restartApiServer();
  await apps.deleteNamespacedDeployment(deployment);
  await eventually(() => apps.readNamespacedDeployment(deployment), { milliseconds: 60_000 });
});
