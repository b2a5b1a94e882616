import { CustomObjectsApi } from "@kubernetes/client-node";
import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { apiVersionOf, type Resource, resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { runOperator } from "../support/test-operator.ts";

/** What a ChatCluster asks for in spec.monitoring, on an API server without and with the kinds of the Prometheus Operator. */
let controlPlane: TestControlPlane;
let api: KubeApi;
const { chatClusters, configMaps, podMonitors, prometheusRules } = resources;
const kinds = [configMaps, podMonitors, prometheusRules];

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
});
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
  const operator = await runOperator(controlPlane, { concurrency: 1 });
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
});

test("what is asked for is made, comes back, and goes when it is asked for no more; what is not the operator's stays", async () => {
  await defineKinds();
  await runOperator(controlPlane, { concurrency: 1 });
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
