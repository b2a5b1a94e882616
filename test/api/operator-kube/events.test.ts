import { afterAll, beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../../kube/system/kubectl.ts";
import type { KubeApi } from "../../../src/operator/kube/api.ts";
import { EventRecorder, type EventRecorderSettings } from "../../../src/operator/kube/events.ts";
import type { KubeObject } from "../../../src/operator/kube/objects.ts";
import { resources } from "../../../src/operator/kube/resource.ts";
import { runControlPlane, type TestControlPlane } from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { apiOf, portOf } from "../../support/kube-api.ts";
import { recordingLog } from "../../support/recording-log.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const { configMaps, events, namespaces } = resources;

let controlPlane: TestControlPlane;
let api: KubeApi;
let proxy: TcpProxy;
let count = 0;

beforeAll(async () => {
  controlPlane = await runControlPlane();
  api = apiOf(controlPlane);
  proxy = await TcpProxy.open(portOf(controlPlane));
});

afterAll(() => proxy.close());

/** An object to say something about. */
function newObject(): Promise<KubeObject> {
  return api.create(configMaps, { metadata: { namespace: "default", name: `object-${count++}` } });
}

function recorder(settings: Partial<EventRecorderSettings> = {}): EventRecorder {
  return new EventRecorder({ api, log: recordingLog().log, instance: "operator-1", ...settings });
}

async function eventsOf({ metadata }: KubeObject): Promise<readonly KubeObject[]> {
  const fieldSelector = `involvedObject.uid=${metadata.uid}`;
  return (await api.list(events, { fieldSelector })).items;
}

test("kubectl describe shows what was said, by whom, and how often", async () => {
  const object = await newObject();
  const hourAgo = Date.now() - 3_600_000;
  let now = hourAgo;
  const recording = recorder({ now: () => now });
  recording.record(object, "Warning", "NoQuorum", "1 of 3 nodes answers");
  await eventually(async () => (await eventsOf(object)).length === 1);
  for (const minute of [2, 4]) {
    now = hourAgo + minute * 60_000;
    recording.record(object, "Warning", "NoQuorum", "1 of 3 nodes answers");
  }
  recording.record(object, "Normal", "Scaled", "from 2 to 3 servers");
  await recording.stop();

  expect(await eventsOf(object)).toHaveLength(2);
  const { name } = object.metadata;
  const described = await kubectlAs(controlPlane.kubeconfig, "describe", "configmap", name);
  expect(described).toMatch(
    /Warning +NoQuorum +56m \(x3 over 60m\) +disroom-operator +1 of 3 nodes answers\n/,
  );
  expect(described).toMatch(/Normal +Scaled +56m +disroom-operator +from 2 to 3 servers\n/);
  const got = await kubectlAs(
    controlPlane.kubeconfig,
    "get",
    "events",
    "--field-selector",
    `involvedObject.name=${name}`,
  );
  expect(got).toMatch(/56m +Warning +NoQuorum/);
});

test("what is said again later than ten minutes after is said anew", async () => {
  const object = await newObject();
  let now = Date.now();
  const recording = recorder({ now: () => now });
  recording.record(object, "Normal", "Reconciled", "all is well");
  now += 11 * 60_000;
  recording.record(object, "Normal", "Reconciled", "all is well");
  await recording.stop();
  expect(await eventsOf(object)).toHaveLength(2);
});

test("what was counted and is not there any more is said anew", async () => {
  const object = await newObject();
  const recording = recorder();
  recording.record(object, "Normal", "Reconciled", "all is well");
  const [event] = await eventually(async () => {
    const all = await eventsOf(object);
    return all.length === 1 && all;
  });
  await api.delete(events, event?.metadata ?? { name: "" });
  recording.record(object, "Normal", "Reconciled", "all is well");
  await recording.stop();
  expect(await eventsOf(object)).toMatchObject([{ count: 2 }]);
});

test("one object that has much to say does not keep the others from it", async () => {
  const [loud, quiet] = await Promise.all([newObject(), newObject()]);
  const recording = recorder();
  for (let index = 0; index < 200; index++) recording.record(loud, "Normal", "Counting", `at ${index}`);
  recording.record(quiet, "Normal", "Counting", "at 0");
  await recording.stop(10_000);
  expect(await eventsOf(loud)).toHaveLength(25);
  expect(await eventsOf(quiet)).toHaveLength(1);
});

test("an object of the whole cluster, and words that are too long", async () => {
  const object = await api.create(namespaces, { metadata: { name: "a-namespace" } });
  const recording = recorder();
  recording.record(object, "Normal", "Long", "x".repeat(5000));
  await recording.stop();
  const [event] = await eventsOf(object);
  expect(event).toMatchObject({ metadata: { namespace: "default" }, reportingComponent: "disroom-operator" });
  expect(event?.message).toHaveLength(1024);
});

test("nobody waits for it, and it throws nothing, when the API server is away or refuses", async () => {
  const object = await newObject();
  const { log, lines } = recordingLog();
  const away = recorder({ api: apiOf(controlPlane, { port: proxy.port }), log });
  proxy.isSilent = true;
  const began = performance.now();
  for (let index = 0; index < 5000; index++) away.record(object, "Normal", "Lost", `event ${index}`);
  expect(performance.now() - began).toBeLessThan(1000);
  await eventually(() => proxy.connections > 0);
  await away.stop(10);
  expect(lines).toEqual([]);
  away.record(object, "Normal", "Lost", "after the end");

  const refused = recorder({ log });
  const nowhere = { ...object, metadata: { ...object.metadata, namespace: "no-such-namespace" } };
  refused.record(nowhere, "Normal", "Refused", "by the API server");
  await refused.stop();
  expect(lines).toMatchObject([{ level: "warn", message: "an event was not taken" }]);
});
