import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import type { ProvidedNats } from "../../src/operator/nats/provide.ts";
import { defineChatClusters, runControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { settled } from "../support/settled-nats.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** When the operator asks NATS how it is. There are no nodes, so pods are as they are made to be. */

const patience = { milliseconds: 30_000 };
/** What NATS says of itself, by name of the ChatCluster; where there is nothing, it is as it should be. */
const answers = new Map<string, ProvidedNats>();
const asked: string[] = [];
let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  const controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  await runOperator(controlPlane, {
    provideNats: async ({ metadata: { name } }) => {
      asked.push(name);
      return answers.get(name) ?? settled;
    },
  });
});

const timesAsked = (name: string): number => asked.filter((one) => one === name).length;

/** Says of the only NATS pod what a kubelet would say. */
async function setPod(namespace: string, name: string, ready: boolean, restartCount = 0): Promise<void> {
  const conditions = [
    { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: new Date().toISOString() },
  ];
  const state = { running: { startedAt: new Date().toISOString() } };
  const nats = { name: "nats", image: "nats", imageID: "nats", ready, restartCount, state };
  const status = { phase: "Running", conditions, containerStatuses: [nats] };
  const pod = { namespace, name: `${name}-nats-0` };
  await eventually(
    () => api.mergePatch<KubeObject>(resources.pods, pod, { status }, { subresource: "status" }),
    patience,
  );
}

/** One with a single NATS node, which is ready and was looked at. */
async function established(name: string, of = clusters): Promise<void> {
  await of.create(name, { nats: { replicas: 1 } });
  await setPod(of.namespace, name, true);
  await of.says(name, "NATSReady", { status: "True" });
}

test("a NATS node that was away is looked at when it is back, though all looks as it did before", async () => {
  await established("back");
  const before = timesAsked("back");
  await setPod("default", "back", false);
  await clusters.says("back", "NATSReady", { status: "False" });
  await setPod("default", "back", true);
  await clusters.says("back", "NATSReady", { status: "True" });
  expect(timesAsked("back")).toBeGreaterThan(before);
});

test("one that came back before anybody saw it away is looked at, too", async () => {
  await established("quick");
  const before = timesAsked("quick");
  await setPod("default", "quick", true, 1);
  await eventually(() => timesAsked("quick") > before);
});

test("while it is paused, NATS is ready again when its nodes are", async () => {
  await established("paused");
  await clusters.patch("paused", { paused: true });
  await clusters.says("paused", "Progressing", { reason: "Paused" });
  await setPod("default", "paused", false);
  await clusters.says("paused", "NATSReady", { status: "False", reason: "NotReady" });
  await setPod("default", "paused", true);
  await clusters.says("paused", "NATSReady", { status: "True" });
});

test("what is refused does not keep NATS waiting that is half done", async () => {
  const limited = await clusters.inNamespace("limited");
  const quotas = { ...resources.pods, kind: "ResourceQuota", plural: "resourcequotas" };
  const quota = { namespace: "limited", name: "no-budgets" };
  const what = "count/poddisruptionbudgets.policy";
  await api.create(quotas, { metadata: quota, spec: { hard: { [what]: "0" } } });
  await eventually(async () =>
    expect((await api.get<KubeObject>(quotas, quota)).status).toHaveProperty("used"),
  );
  answers.set("half", { ...settled, isSettled: false });
  await established("half", limited);
  await limited.says("half", "ReconcileSuccess", { status: "False", reason: "Forbidden" });
  // By now what is refused alone would have to wait for minutes.
  await eventually(() => timesAsked("half") >= 20, { milliseconds: 60_000 });
});
