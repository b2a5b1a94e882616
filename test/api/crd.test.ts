import { readFileSync } from "node:fs";
import {
  ApiException,
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  loadYaml,
} from "@kubernetes/client-node";
import { beforeAll, expect, test } from "vitest";
import { checkChatCluster, loadChatCluster } from "../../src/cluster/spec.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";

const chatClusters = {
  group: "disroom.io",
  version: "v1alpha1",
  namespace: "default",
  plural: "chatclusters",
};
const minimal = readFileSync("examples/minimal.yaml", "utf8");

let controlPlane: TestControlPlane;
let objects: CustomObjectsApi;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  objects = controlPlane.client(CustomObjectsApi);
});

const named = (name: string, spec: object): object => ({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name },
  spec,
});

/** What the API server says when it refuses. */
async function refusal(request: Promise<unknown>): Promise<{ code: number; message: string }> {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiException)) throw new Error("it was not refused", { cause: error });
  return { code: error.code, message: JSON.parse(error.body).message };
}

test("the API server serves the kind, and has no objections to its schema", async () => {
  const { status } = await controlPlane
    .client(ApiextensionsV1Api)
    .readCustomResourceDefinition({ name: "chatclusters.disroom.io" });
  const conditions = Object.fromEntries(status?.conditions?.map(({ type, status }) => [type, status]) ?? []);
  expect(conditions).toEqual({ NamesAccepted: "True", Established: "True" });
});

test("fills in the defaults as `disroom up` does", async () => {
  await objects.createNamespacedCustomObject({ ...chatClusters, body: loadYaml(minimal) });
  const stored = await objects.getNamespacedCustomObject({ ...chatClusters, name: "demo" });
  expect(stored.spec).toEqual(loadChatCluster(minimal).spec);
  expect(stored.spec.nats.replicas).toBe(3);
  await objects.deleteNamespacedCustomObject({ ...chatClusters, name: "demo" });
});

test.each([
  [{ nats: { replicas: 2 } }, "spec.nats.replicas", "must be 1, 3 or 5, since an even number of nodes"],
  [{ server: { replicas: 0 } }, "spec.server.replicas", "should be greater than or equal to 1"],
  [{ rooms: { retention: { maxAge: "7 days" } } }, "spec.rooms.retention.maxAge", "should match"],
  [
    { nats: { replicas: 1 }, rooms: { replicas: 3 } },
    "spec.rooms.replicas",
    "must be at most spec.nats.replicas",
  ],
  [{ rooms: { retention: { maxBytes: "1Gi" } } }, "spec.rooms.retention.maxBytes", "must be at least twice"],
  [{ workers: "many" }, "spec.workers", "must be of type object"],
])("refuses %j", async (spec, field, words) => {
  const { code, message } = await refusal(
    objects.createNamespacedCustomObject({ ...chatClusters, body: named("wrong", spec) }),
  );
  expect(code).toBe(422);
  expect(message).toContain(`${field}: `);
  expect(message).toContain(words);
  // `disroom up` refuses the same.
  expect(() => checkChatCluster(named("wrong", spec))).toThrow(field);
});

test("refuses a change that the running cluster could not follow", async () => {
  await objects.createNamespacedCustomObject({ ...chatClusters, body: named("changing", {}) });
  const change = (path: string, value: unknown): Promise<unknown> =>
    objects.patchNamespacedCustomObject({
      ...chatClusters,
      name: "changing",
      body: [{ op: "replace", path, value }],
    });
  await change("/spec/server/replicas", 4);
  const { code, message } = await refusal(change("/spec/workers/partitions", 32));
  expect(code).toBe(422);
  expect(message).toContain("spec.workers.partitions: ");
  expect(message).toContain("cannot change, since the order of messages in their rooms rests on it");
});

test("deletes, and with a ChatCluster goes what it owns", async () => {
  const core = controlPlane.client(CoreV1Api);
  const { apiVersion, kind, metadata } = await objects.createNamespacedCustomObject({
    ...chatClusters,
    body: named("short-lived", {}),
  });
  const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
  const owned = { name: "owned", ownerReferences: [owner] };
  await core.createNamespacedConfigMap({ namespace: "default", body: { metadata: owned } });
  await objects.deleteNamespacedCustomObject({ ...chatClusters, name: "short-lived" });
  const { code } = await refusal(objects.getNamespacedCustomObject({ ...chatClusters, name: "short-lived" }));
  expect(code).toBe(404);
  await eventually(async () => {
    const { items } = await core.listNamespacedConfigMap({ namespace: "default" });
    return items.every((one) => one.metadata?.name !== "owned");
  });
});
