import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { settled } from "../support/settled-nats.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** What a ChatCluster says of itself when something is in the way; there are no nodes, so pods are as they are made to be. */

const resourceQuotas = { ...resources.pods, kind: "ResourceQuota", plural: "resourcequotas" };
const storageClasses = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  namespaced: false,
};

let controlPlane: TestControlPlane;
let api: KubeApi;
let clusters: ChatClusters;
let retries: (atLeast: number) => Promise<void>;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  const provided = new Set<string>();
  const { registry } = await runOperator(controlPlane, {
    provideNats: async ({ metadata: { name, uid } }) => {
      const created = ["ChatIngress", "message-processor-0", "message-processor-1", "ChatRooms"];
      if (name === "left-alone") return { ...settled, members: 3, present: 3 };
      if (provided.has(uid)) return settled;
      provided.add(uid);
      return { ...settled, created };
    },
  });
  retries = async (atLeast) => {
    const errors = async (): Promise<number> => {
      const metric = await registry.getSingleMetric("controller_runtime_reconcile_errors_total")?.get();
      return metric?.values[0]?.value ?? 0;
    };
    const before = await errors();
    await eventually(async () => (await errors()) >= before + atLeast, { milliseconds: 30_000 });
  };
});

const kindOf: Readonly<Record<string, typeof resources.deployments | typeof resources.statefulSets>> = {
  nats: resources.statefulSets,
  redis: resources.deployments,
  server: resources.deployments,
  worker: resources.deployments,
};

async function podsOf(name: string, part: string): Promise<readonly KubeObject[]> {
  const labelSelector = `app.kubernetes.io/instance=${name},app.kubernetes.io/component=${part}`;
  return (await api.list<KubeObject>(resources.pods, { namespace: clusters.namespace, labelSelector })).items;
}

/** Says of a pod what a kubelet would say. */
async function setPod({ metadata: { namespace, name } }: KubeObject, status: object): Promise<void> {
  await api.mergePatch(resources.pods, { namespace, name }, { status }, { subresource: "status" });
}

/** Makes all pods of a ChatCluster ready; done when it is said that people can chat. */
async function allReady(name: string): Promise<void> {
  // Without the time nobody knows whether it has been ready for long enough.
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: new Date().toISOString() }];
  for (const part of Object.keys(kindOf)) {
    const workload = { namespace: clusters.namespace, name: `${name}-${part}` };
    await eventually(
      async () => {
        const { spec } = await api.get<KubeObject>(kindOf[part] ?? resources.deployments, workload);
        expect(await podsOf(name, part)).toHaveLength((spec as { replicas: number }).replicas);
      },
      { milliseconds: 30_000 },
    );
    for (const pod of await podsOf(name, part)) await setPod(pod, { phase: "Running", conditions });
  }
  await clusters.says(name, "Ready", { status: "True", reason: "AllReady" });
}

/** A quota that is in force when this is done. */
async function forbid(namespace: string, what: string): Promise<void> {
  const name = { namespace, name: `no-${what}` };
  await api.create(resourceQuotas, { metadata: name, spec: { hard: { [what]: "0" } } });
  await eventually(async () => {
    const { status } = await api.get<KubeObject>(resourceQuotas, name);
    expect(status).toHaveProperty("used");
  });
}

test("that there is no storage class is told", async () => {
  await clusters.create("classless");
  const message = expect.stringContaining("no volume for classless-nats-0: no persistent volumes available");
  await clusters.says("classless", "NATSReady", { status: "False", message });
  await api.create(storageClasses, {
    metadata: {
      name: "default",
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "example.com/none",
    volumeBindingMode: "WaitForFirstConsumer",
  });
});

test("what was made is told in one event, streams in another", async () => {
  await clusters.create("told");
  await allReady("told");
  const created =
    "created 22 objects: 3 Deployments, 4 NetworkPolicies, 3 PodDisruptionBudgets, 3 Secrets, 4 Services, 4 ServiceAccounts, 1 StatefulSet";
  await eventually(async () =>
    expect((await clusters.events("told")).toSorted()).toEqual([
      `Normal Created: ${created} x1`,
      "Normal Ready: people can chat x1",
      "Normal StreamsCreated: created ChatIngress, ChatRooms, 2 consumers x1",
      // Its first node has founded NATS, which happens once.
      "Normal Updated: changed Secret told-nats x1",
    ]),
  );
  await clusters.patch("told", { server: { replicas: 1 } });
  await eventually(async () =>
    expect(await clusters.events("told")).toContain("Normal Updated: changed Deployment told-server x1"),
  );
});

test("a new image that cannot be had is told while the old pods serve, and when its time is up", async () => {
  await clusters.create("rollout");
  await allReady("rollout");
  const old = (await podsOf("rollout", "server")).map(({ metadata }) => metadata.name);
  const [servers, pods] = ["2 of 2 chat servers ready", "but new ones do not come up:"];
  await clusters.patch("rollout", { image: "nowhere/disroom:1" });
  const pod = await eventually(async () => {
    const made = (await podsOf("rollout", "server")).filter(({ metadata }) => !old.includes(metadata.name));
    return made[0] ?? false;
  });
  const waiting = { reason: "ImagePullBackOff", message: "no such image" };
  const trouble = `${pod.metadata.name}: ImagePullBackOff: no such image`;
  await setPod(pod, {
    containerStatuses: [
      { name: "server", image: "", imageID: "", restartCount: 0, ready: false, state: { waiting } },
    ],
  });
  await clusters.says("rollout", "Ready", {
    status: "True",
    reason: "RolloutWaits",
    message: expect.stringContaining(`people can chat, but: ${servers}, ${pods} ${trouble}`),
  });
  await clusters.says("rollout", "ServersReady", {
    status: "True",
    message: `${servers}, ${pods} ${trouble}`,
  });
  await clusters.says("rollout", "Progressing", {
    status: "True",
    message: expect.stringContaining(`chat servers (${trouble})`),
  });

  // The operator leaves it to Kubernetes how long that may take, so somebody else may say it.
  const name = { namespace: "default", name: "rollout-server" };
  await api.mergePatch(resources.deployments, name, { spec: { progressDeadlineSeconds: 3 } });
  const message = expect.stringContaining(`not up in time: chat servers (${trouble})`);
  await clusters.says("rollout", "Progressing", { status: "False", reason: "RolloutStuck", message });
  await clusters.says("rollout", "ServersReady", { status: "True", reason: "RolloutStuck" });
  await eventually(async () =>
    expect(await clusters.events("rollout")).toContainEqual(
      expect.stringMatching(/^Warning RolloutStuck: not up in time: chat servers .* x1$/),
    ),
  );

  await clusters.patch("rollout", { image: null });
  await clusters.says("rollout", "Ready", { status: "True", reason: "AllReady" });
});

test("a storage class that does not exist is named", async () => {
  await clusters.create("imaginary", { nats: { storage: { className: "imaginary" } } });
  const trouble = 'no volume for imaginary-nats-0: storageclass.storage.k8s.io "imaginary" not found';
  await clusters.says("imaginary", "NATSReady", {
    status: "False",
    message: `0 of 3 NATS nodes ready; ${trouble}`,
  });
  await eventually(async () =>
    expect(await clusters.events("imaginary")).toContain(`Warning ProvisioningFailed: ${trouble} x1`),
  );
  // That is nothing that the operator was refused.
  await clusters.says("imaginary", "ReconcileSuccess", { status: "True" });
});

test("a quota that leaves no room for pods is told", async () => {
  const full = await clusters.inNamespace("full");
  await forbid("full", "pods");
  await full.create("crowded");
  const message = expect.stringContaining("exceeded quota: no-pods");
  await full.says("crowded", "NATSReady", { status: "False", message });
  await full.says("crowded", "ServersReady", { status: "False", message });
  await eventually(async () =>
    expect(await full.events("crowded")).toContainEqual(
      expect.stringMatching(/^Warning FailedCreate: .*exceeded quota: no-pods.* x1$/),
    ),
  );
});

test("a field that cannot change is told once, however often it is tried, and all else is made", async () => {
  const labels = { app: "older" };
  const name = { namespace: "default", name: "stuck-redis" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "a", image: "a" }] } };
  await api.create(resources.deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    // By which it counts as one of a ChatCluster.
    metadata: { ...name, labels: { "app.kubernetes.io/name": "disroom" } },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  });
  await clusters.create("stuck");
  const message = expect.stringMatching(
    /^Deployment stuck-redis: Deployment.apps "stuck-redis" is invalid: .*field is immutable/,
  );
  await clusters.says("stuck", "ReconcileSuccess", { status: "False", reason: "Invalid", message });
  await api.get(resources.deployments, { namespace: "default", name: "stuck-server" });
  await retries(4);
  const refusals = (await clusters.events("stuck")).filter((event) => event.startsWith("Warning Refused"));
  expect(refusals).toEqual([expect.stringMatching(/ x1$/)]);

  await api.delete(resources.deployments, name);
  await clusters.says("stuck", "ReconcileSuccess", { status: "True" });
  await eventually(async () =>
    expect(await clusters.events("stuck")).toContain(
      "Normal Reconciled: all objects are as the spec says x1",
    ),
  );
});

test("where not even passwords may be made, that is told, and the others go on", async () => {
  const closed = await clusters.inNamespace("closed");
  await forbid("closed", "secrets");
  await closed.create("mute");
  await closed.says("mute", "ReconcileSuccess", {
    status: "False",
    reason: "Forbidden",
    message: expect.stringMatching(/^Secret mute-credentials: .*exceeded quota: no-secrets/),
  });
  await closed.says("mute", "Ready", { status: "False", message: expect.stringContaining("there are no") });
  await clusters.create("unmoved");
  await clusters.isReconciled("unmoved");
});

test("passwords that somebody has broken are told, and what runs is left alone", async () => {
  await clusters.create("broken");
  await clusters.isReconciled("broken");
  const name = { namespace: "default", name: "broken-credentials" };
  const { data } = await api.get<KubeObject & { data: Record<string, string> }>(resources.secrets, name);
  await api.mergePatch(resources.secrets, name, { data: { "redis-password": "" } });
  const message = expect.stringContaining("Secret broken-credentials: redis-password must be a password");
  await clusters.says("broken", "ReconcileSuccess", {
    status: "False",
    reason: "CredentialsUnusable",
    message,
  });
  await api.mergePatch(resources.secrets, name, { data });
  await clusters.says("broken", "ReconcileSuccess", { status: "True" });
});

test("one that is paused says that it loses NATS nodes, and that they are back", async () => {
  await clusters.create("left-alone");
  await allReady("left-alone");
  await clusters.patch("left-alone", { paused: true });
  await clusters.says("left-alone", "Progressing", { reason: "Paused" });
  const lastTransitionTime = new Date().toISOString();
  const conditions = [{ type: "Ready", status: "False", lastTransitionTime }];
  const [, ...lost] = await podsOf("left-alone", "nats");
  expect(lost).toHaveLength(2);
  for (const pod of lost) await setPod(pod, { conditions });
  await clusters.says("left-alone", "NATSReady", { status: "False", reason: "NotReady" });
  await clusters.says("left-alone", "Ready", { status: "False", reason: "NATSNotReady" });
  await allReady("left-alone");
});
