import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { Obstacles } from "../../src/operator/obstacles.ts";
import { runControlPlane } from "../support/control-plane.ts";
import { apiOf } from "../support/kube-api.ts";

/** More than may be looked at without a pause. */
const count = 15;
/** How many may, and how many a second afterwards. */
const burst = 10;
const perSecond = 5;

const { signal } = new AbortController();
let api: KubeApi;
/** How often Events were searched. */
let searches = 0;
const workloads: KubeObject[] = [];

beforeAll(async () => {
  // Nobody makes their pods.
  const controlPlane = await runControlPlane({ controllers: ["serviceaccount-controller"] });
  api = apiOf(controlPlane, {
    onRequest: ({ verb }) => {
      if (verb === "list") searches++;
    },
  });
  for (let index = 0; index < count; index++) workloads.push(await refused(`nats-${index}`));
});

/** A StatefulSet of which Kubernetes says that its pods are refused. */
async function refused(name: string): Promise<KubeObject> {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "nats", image: "nats" }] } };
  const workload = await api.create<KubeObject>(resources.statefulSets, {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { namespace: "default", name },
    spec: { replicas: 1, serviceName: name, selector: { matchLabels: labels }, template },
  });
  const { uid } = workload.metadata;
  await api.create(resources.events, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace: "default", name },
    involvedObject: { kind: "StatefulSet", namespace: "default", name, uid },
    type: "Warning",
    reason: "FailedCreate",
    message: `${name} is refused`,
    lastTimestamp: new Date().toISOString().replace(/\.\d+/, ""),
  });
  return workload;
}

const find = (obstacles: Obstacles) =>
  Promise.all(workloads.map(async (workload) => (await obstacles.find(workload, [], signal))?.message));

test("of many that cannot come up so many are looked at a second, each says when, and none is forgotten", async () => {
  const obstacles = new Obstacles(api);
  const known = workloads.map(({ metadata: { name } }) => `${name} is refused`);
  const began = performance.now();
  expect(await find(obstacles)).toEqual(known.map((message, index) => (index < burst ? message : undefined)));
  expect(searches).toBe(burst);
  const wait = Math.max(...workloads.slice(burst).map((workload) => obstacles.lookAgain(workload)));
  expect(performance.now() + wait - began).toBeGreaterThan(((count - burst - 1) / perSecond) * 1000);
  expect(wait).toBeLessThanOrEqual(((count - burst) / perSecond) * 1000);
  await delay(wait);
  expect(await find(obstacles)).toEqual(known);
  expect(searches).toBe(count);
  // What was found is taken for granted for a while.
  expect(await find(obstacles)).toEqual(known);
  expect(searches).toBe(count);
});
