import { readFileSync } from "node:fs";
import { CoreV1Api, CustomObjectsApi, KubeConfig, loadYaml, type V1Pod } from "@kubernetes/client-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportSubject } from "../../src/chat/subjects.ts";
import type { ChatClusterStatus } from "../../src/cluster/chat-cluster.ts";
import { Credentials } from "../../src/operator/kube/credentials.ts";
import { Operator } from "../../src/operator/operator.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { settledNats } from "../support/settled-nats.ts";

/**
 * The operator measures a ChatCluster whose objects are in a real API server and whose parts are processes of this
 * machine. That its pods are ready is what this test says in place of kubelets.
 */
const cluster = runCluster({ spec: { server: { replicas: 2 } } });
const patience = { milliseconds: 60_000, interval: 100 };
const name = { namespace: "default", name: "demo" };
const chatCluster = { group: "disroom.io", version: "v1alpha1", plural: "chatclusters", ...name };

const registry = new Registry();
let controlPlane: TestControlPlane;
let core: CoreV1Api;
let custom: CustomObjectsApi;
let operator: Operator;
let nats: NatsConnection;
/** How often servers and workers were asked. */
let measurements = 0;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  core = controlPlane.client(CoreV1Api);
  custom = controlPlane.client(CustomObjectsApi);
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
  nats.subscribe(reportSubject, {
    callback: () => {
      measurements++;
    },
  });
  operator = new Operator({
    namespaces: [],
    image: "ghcr.io/disroom/disroom:0.1.0",
    concurrency: 4,
    leaderElection: false,
    leaseNamespace: "default",
    leaseName: "disroom-operator",
    identity: "test",
    requestsPerSecond: 100,
    registry,
    log: createLog("operator", "silent"),
    credentials: new Credentials(() => {
      const config = new KubeConfig();
      config.loadFromFile(controlPlane.kubeconfig);
      return config;
    }),
    provideNats: settledNats,
    natsUrl: () => cluster.natsUrl,
  });
  await operator.run();
  const { spec, ...example } = loadYaml<{ spec: object }>(readFileSync("examples/minimal.yaml", "utf8"));
  await custom.createNamespacedCustomObject({
    ...chatCluster,
    body: {
      ...example,
      spec: { ...spec, nats: { replicas: 1 }, server: { replicas: 2, service: { type: "ClusterIP" } } },
    },
  });
});
afterAll(async () => {
  await operator?.stop();
  await nats?.close();
});

async function podsOf(part: string, count: number): Promise<V1Pod[]> {
  return await eventually(async () => {
    const labelSelector = `app.kubernetes.io/instance=demo,app.kubernetes.io/component=${part}`;
    const { items } = await core.listNamespacedPod({ namespace: "default", labelSelector });
    expect(items).toHaveLength(count);
    return items;
  }, patience);
}
async function sayReady(pods: readonly V1Pod[], isReady: boolean): Promise<void> {
  const lastTransitionTime = new Date().toISOString();
  const conditions = [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime }];
  const body = [{ op: "add", path: "/status", value: { phase: "Running", conditions } }];
  for (const { metadata } of pods) {
    await core.patchNamespacedPodStatus({ namespace: "default", name: metadata?.name ?? "", body });
  }
}
type Cluster = { metadata: { resourceVersion: string }; status?: ChatClusterStatus };
const read = (): Promise<Cluster> => custom.getNamespacedCustomObject(chatCluster);
const says = (check: (status: ChatClusterStatus) => void): Promise<ChatClusterStatus> =>
  eventually(async () => {
    const { status = {} } = await read();
    check(status);
    return status;
  }, patience);
const condition = ({ conditions }: ChatClusterStatus, type: string) =>
  conditions?.find((one) => one.type === type);
const nothingWaits = (status: ChatClusterStatus): void => {
  expect(status.workers).toMatchObject({ lagSeconds: 0, lagBytes: 0 });
  expect(condition(status, "LagUnknown")).toMatchObject({ status: "False", reason: "Measured" });
};
const isUnknown = (reason: string) => (status: ChatClusterStatus) => {
  expect(condition(status, "LagUnknown")).toMatchObject({ status: "True", reason });
  expect(status.workers).not.toHaveProperty("lagSeconds");
  expect(status.workers).not.toHaveProperty("lagBytes");
  expect(status.servers).not.toHaveProperty("connections");
};
const set = (path: string, value: unknown): Promise<unknown> =>
  custom.patchNamespacedCustomObject({ ...chatCluster, body: [{ op: "add", path, value }] });
const signal = (part: string, which: NodeJS.Signals): void => {
  process.kill(cluster.part(part).pid ?? expect.fail(`no process of ${part}`), which);
};
/** Connections that the operator has to NATS. */
async function connections(): Promise<number> {
  const answer = await fetch(`http://${cluster.part("nats-1").http}/connz`);
  const body = (await answer.json()) as { connections: { name?: string }[] };
  return body.connections.filter((one) => one.name === "disroom operator").length;
}
const series = async (): Promise<string[]> =>
  (await registry.metrics()).split("\n").filter((line) => /^disroom_(lag|connections)/.test(line));
const labels = '{namespace="default",name="demo"}';

test("it is unknown until NATS is there, then measured", async () => {
  await says(isUnknown("NATSNotReady"));
  for (const part of [podsOf("nats", 1), podsOf("server", 2), podsOf("worker", 1)])
    await sayReady(await part, true);
  await says(nothingWaits);
  await says(({ servers }) => expect(servers).toMatchObject({ connections: 0, readyReplicas: 2 }));
  expect(await connections()).toBe(1);
});

test("where nothing changes but what is asked, nothing is written", async () => {
  const steady = await eventually(
    async () => {
      const before = await read();
      const asked = measurements;
      await eventually(() => measurements >= asked + 2, patience);
      expect((await read()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
      return before.metadata.resourceVersion;
    },
    { milliseconds: 60_000 },
  );
  const asked = measurements;
  // More time than an unchanged number is ever shown.
  await eventually(() => measurements >= asked + 7, patience);
  expect((await read()).metadata.resourceVersion).toBe(steady);
});

test("people's connections and a lag above its target are in the status, and in the metrics", async () => {
  const alice = await cluster.member(newRoom(), "alice");
  const bob = await cluster.connect();
  await says(({ servers }) => expect(servers?.connections).toBe(2));
  signal("worker-1", "SIGSTOP");
  alice.type("send hello");
  const status = await says(({ workers }) => expect(workers?.lagSeconds).toBeGreaterThan(2));
  expect(status.workers?.lagBytes).toBeDefined();
  expect(condition(status, "Ready")).toMatchObject({ status: "True" });
  expect(await series()).toEqual([
    expect.stringMatching(/^disroom_lag_seconds\{namespace="default",name="demo"\} [1-9]/),
    expect.stringMatching(/^disroom_lag_bytes\{namespace="default",name="demo"\} [1-9]/),
    `disroom_connections${labels} 2`,
    `disroom_lag_unknown${labels} 0`,
  ]);
  signal("worker-1", "SIGCONT");
  await says(nothingWaits);
  for (const client of [alice, bob]) client.close();
});

test("it is unknown while a server that is ready does not answer, and known when it is not ready any more", async () => {
  const ready = condition((await read()).status ?? {}, "Ready");
  const [pod] = await podsOf("server", 2);
  signal("server-1", "SIGSTOP");
  try {
    const status = await says(isUnknown("ServersSilent"));
    expect(condition(status, "LagUnknown")?.message).toBe("1 of 2 chat servers say what waits in them");
    expect(condition(status, "Ready")).toEqual(ready);
    expect(await series()).toEqual([`disroom_lag_unknown${labels} 1`]);
    await sayReady([pod as V1Pod], false);
    await says(nothingWaits);
  } finally {
    signal("server-1", "SIGCONT");
    await sayReady([pod as V1Pod], true);
  }
});

test("it is unknown while NATS is away, and known again afterwards", async () => {
  signal("nats-1", "SIGSTOP");
  await says(({ conditions }) =>
    expect(conditions?.find(({ type }) => type === "LagUnknown")).toMatchObject({ status: "True" }),
  );
  cluster.part("nats-1").kill();
  await says(nothingWaits);
  expect(await connections()).toBe(1);
});

test("one that is paused or deleted is not measured, and its connection is closed", async () => {
  await set("/spec/paused", true);
  await says(isUnknown("Paused"));
  await eventually(async () => expect(await connections()).toBe(0), patience);
  expect(await series()).toEqual([]);
  await set("/spec/paused", false);
  await says(nothingWaits);
  expect(await connections()).toBe(1);
  await custom.deleteNamespacedCustomObject(chatCluster);
  await eventually(async () => expect(await connections()).toBe(0), patience);
  expect(await series()).toEqual([]);
});
