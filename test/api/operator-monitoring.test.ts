import { CustomObjectsApi } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { apiVersionOf, type Resource, resources } from "../../src/operator/kube/resource.ts";
import { natsUrl } from "../../src/operator/nats-url.ts";
import { Operator } from "../../src/operator/operator.ts";
import { createLog } from "../../src/platform/log.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { asOperator } from "../support/operator-credentials.ts";
import { settledNats } from "../support/settled-nats.ts";

/** What a ChatCluster asks for in spec.monitoring, on an API server without and with the kinds of the Prometheus Operator. */
let controlPlane: TestControlPlane;
let api: KubeApi;
const running = new Set<Operator>();
const { chatClusters, configMaps, podMonitors, prometheusRules } = resources;
const kinds = [configMaps, podMonitors, prometheusRules];

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
});
afterAll(() => Promise.all([...running].map((operator) => operator.stop())));

async function runOperator(): Promise<Operator> {
  const operator = new Operator({
    namespaces: [],
    image: "ghcr.io/disroom/disroom:0.1.0",
    concurrency: 1,
    leaderElection: false,
    leaseNamespace: "disroom-system",
    leaseName: "disroom-operator",
    identity: "test",
    requestsPerSecond: 100,
    registry: new Registry(),
    log: createLog("operator", "silent"),
    credentials: await asOperator(controlPlane.kubeconfig),
    provideNats: settledNats,
    natsUrl,
  });
  running.add(operator);
  await operator.run();
  return operator;
}

const all = { podMonitor: true, rules: true, dashboards: true };
const name = { namespace: "default", name: "demo" };
const objectName = { namespace: "default", name: "demo-monitoring" };

async function ask(monitoring: object): Promise<void> {
  await controlPlane.client(CustomObjectsApi).patchNamespacedCustomObject({
    ...{ group: "disroom.io", version: "v1alpha1", plural: "chatclusters" },
    ...name,
    body: [{ op: "replace", path: "/spec/monitoring", value: monitoring }],
  });
}

/** Which of the kinds the ChatCluster has. */
async function found(): Promise<string[]> {
  const has = await Promise.all(
    kinds.map((resource) =>
      api.get(resource, objectName).then(
        () => true,
        (error) => {
          if (error instanceof KubeApiError && error.isNotFound) return false;
          throw error;
        },
      ),
    ),
  );
  return kinds.filter((_, index) => has[index]).map(({ kind }) => kind);
}

/** The kinds as somebody else defines them, without what they have inside. */
async function defineKinds(): Promise<void> {
  const definitions = { group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions" };
  const resource: Resource = { ...definitions, kind: "CustomResourceDefinition", namespaced: false };
  for (const { group, version, kind, plural } of [podMonitors, prometheusRules]) {
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    await api.create(resource, {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: "Namespaced",
        names: { kind, plural },
        versions: [{ name: version, served: true, storage: true, schema }],
      },
    });
  }
  await eventually(async () => expect((await api.kinds(podMonitors)).size).toBe(2), { milliseconds: 30_000 });
}

test("what this Kubernetes does not know is told, once, and all else is made", async () => {
  await api.create(chatClusters, {
    apiVersion: apiVersionOf(chatClusters),
    kind: chatClusters.kind,
    metadata: name,
    spec: { monitoring: all },
  });
  const operator = await runOperator();
  await eventually(async () => expect(await found()).toEqual(["ConfigMap"]));
  await eventually(async () => {
    const { items } = await api.list<KubeObject>(resources.events, {
      namespace: "default",
      fieldSelector: "reason=KindUnknown",
    });
    expect(items.map(({ message, count }) => `${count} ${message}`).toSorted()).toEqual([
      "1 spec.monitoring asks for a PodMonitor, which this Kubernetes does not know: install the Prometheus Operator",
      "1 spec.monitoring asks for a PrometheusRule, which this Kubernetes does not know: install the Prometheus Operator",
    ]);
  });
  // The status is written after the event.
  await eventually(async () => {
    const { status } = await api.get<KubeObject>(chatClusters, name);
    expect(status).toMatchObject({
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: "ReconcileSuccess", status: "True" }),
      ]),
    });
  });
  await operator.stop();
  running.delete(operator);
});

test("what is asked for is made, comes back, and goes when it is asked for no more; what is not the operator's stays", async () => {
  await defineKinds();
  await runOperator();
  await eventually(async () => expect(await found()).toEqual(["ConfigMap", "PodMonitor", "PrometheusRule"]));
  const { uid } = (await api.get<KubeObject>(podMonitors, objectName)).metadata;
  await api.delete(podMonitors, objectName);
  await eventually(async () =>
    expect((await api.get<KubeObject>(podMonitors, objectName)).metadata.uid).not.toBe(uid),
  );
  await ask({ ...all, dashboards: false });
  await eventually(async () => expect(await found()).toEqual(["PodMonitor", "PrometheusRule"]));
  // Somebody else's, of the same name.
  await api.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...objectName, labels: { "app.kubernetes.io/name": "disroom" } },
  });
  await ask({});
  await eventually(async () => expect(await found()).toEqual(["ConfigMap"]));
});
