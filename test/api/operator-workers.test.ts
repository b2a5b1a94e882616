import { beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** How many workers there are to be where nothing is measured: NATS runs nowhere here. */

let controlPlane: TestControlPlane;
let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
});

const worker = { namespace: "default", name: "demo-worker" };
async function asked(): Promise<unknown> {
  const { spec } = await api.get<KubeObject>(resources.deployments, worker);
  return (spec as { replicas?: number }).replicas;
}
const becomes = (replicas: number): Promise<void> =>
  eventually(async () => {
    expect(await asked()).toBe(replicas);
    const { status } = await clusters.read("demo");
    expect(status?.workers?.desired).toBe(replicas);
  });
const edit = (replicas: number): Promise<string> =>
  kubectlAs(controlPlane.kubeconfig, "scale", "deployment/demo-worker", `--replicas=${replicas}`);

test("bounds hold at once, and it is told that they do", async () => {
  const { stop } = await runOperator(controlPlane);
  await clusters.create("demo", { workers: { minReplicas: 2, maxReplicas: 8 } });
  await becomes(2);
  await clusters.patch("demo", { workers: { minReplicas: 5 } });
  await becomes(5);
  await clusters.patch("demo", { workers: { minReplicas: 1, maxReplicas: 4 } });
  await becomes(4);
  await eventually(async () =>
    expect(await clusters.events("demo")).toEqual(
      expect.arrayContaining([
        "Normal ScaledWorkers: 5 queue workers in place of 2: settings allow 5 to 8 workers, not 2 x1",
        "Normal ScaledWorkers: 4 queue workers in place of 5: settings allow 1 to 4 workers, not 5 x1",
      ]),
    ),
  );
  await stop();
});

test("an operator that starts goes on with the number that was wanted last, whatever somebody has made of it meanwhile", async () => {
  await edit(1);
  const { stop } = await runOperator(controlPlane);
  await becomes(4);
  await edit(7);
  await becomes(4);
  await edit(2);
  await becomes(4);
  await stop();
});

test("while it is paused, the number is anybody's, and afterwards the operator's again", async () => {
  const { stop } = await runOperator(controlPlane);
  await becomes(4);
  await clusters.patch("demo", { paused: true });
  await clusters.says("demo", "Progressing", { reason: "Paused" });
  await edit(1);
  await clusters.patch("demo", { server: { limits: { maxConnections: 77 } } });
  await clusters.says("demo", "Progressing", { reason: "Paused" });
  expect(await asked()).toBe(1);
  await clusters.patch("demo", { paused: false });
  await becomes(4);
  await stop();
});
