import { readFileSync } from "node:fs";
import {
  ApiException,
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  loadYaml,
} from "@kubernetes/client-node";
import { beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { ChatCluster } from "../../src/cluster/chat-cluster.ts";
import { chatClusterSchema, type Schema } from "../../src/cluster/schema.ts";
import { checkChatCluster, loadChatCluster } from "../../src/cluster/spec.ts";
import { brokenSpecs } from "../support/broken-specs.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { crdRules } from "../support/crd-rules.ts";
import { eventually } from "../support/eventually.ts";
import { everyField, everyStatusField } from "../support/every-field.ts";

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
  await create(named("running", {}));
  await create(named("with-class", { nats: { storage: { className: "fast" } } }));
});

const named = (name: string, spec: object): object => ({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name },
  spec,
});

type Options = { dryRun?: "All"; fieldValidation?: "Strict" };
const tried: Options = { dryRun: "All" };

const create = (body: object, options: Options = {}): Promise<ChatCluster> =>
  objects.createNamespacedCustomObject({ ...chatClusters, body, ...options });

const read = (name: string): Promise<ChatCluster> =>
  objects.getNamespacedCustomObject({ ...chatClusters, name });

/** Gives an object that exists another spec. */
async function update(name: string, spec: object, options: Options = {}): Promise<ChatCluster> {
  const body = { ...(await read(name)), spec };
  return objects.replaceNamespacedCustomObject({ ...chatClusters, name, body, ...options });
}

/** A new object of that spec, and the change of one that exists. */
const requestsWith = (spec: object): (() => Promise<unknown>)[] => [
  () => create(named("wrong", spec), tried),
  () => update("running", spec, tried),
];

type Refusal = {
  readonly code: number;
  readonly message: string;
  /** What is wrong, as `<field>: <why>`. */
  readonly causes: readonly string[];
};

/** What the API server says when it refuses. */
async function refusal(request: Promise<unknown>): Promise<Refusal> {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiException)) throw new Error("it was not refused", { cause: error });
  const { message, details } = JSON.parse(error.body);
  const causes: { field: string; message: string }[] = details?.causes ?? [];
  // The value stands before the words of the CRD.
  const words = causes.map(
    (cause) => `${cause.field}: ${cause.message.replace(/^Invalid value: (?:"[^"]*"|[^":]*)(?:: )?/, "")}`,
  );
  return { code: error.code, message, causes: words };
}

const kubectl = (...args: string[]): Promise<string> =>
  kubectlAs(controlPlane.kubeconfig, `--cache-dir=${controlPlane.folder}/kubectl`, ...args);

test("the API server serves the kind, and has no objections to its schema", async () => {
  const { status } = await controlPlane
    .client(ApiextensionsV1Api)
    .readCustomResourceDefinition({ name: "chatclusters.disroom.io" });
  const conditions = Object.fromEntries(status?.conditions?.map(({ type, status }) => [type, status]) ?? []);
  expect(conditions).toEqual({ NamesAccepted: "True", Established: "True" });
  const file = "crds/chatclusters.disroom.io.yaml";
  await kubectl("replace", "-f", file, "--dry-run=server", "--warnings-as-errors");
});

test("fills in the defaults as `disroom up` does", async () => {
  const stored = await create(loadYaml(minimal), tried);
  expect(stored.spec).toEqual(loadChatCluster(minimal).spec);
  expect(stored.spec.nats.replicas).toBe(3);
});

test("keeps every field as it was given", async () => {
  const { spec } = await create(named("full", everyField));
  expect(spec).toEqual(everyField);
});

test.each(["examples/chatcluster.yaml", "examples/minimal.yaml"])("takes %s", async (file) => {
  const text = readFileSync(file, "utf8");
  const { spec } = await create(loadYaml(text), { ...tried, fieldValidation: "Strict" });
  expect(spec).toEqual(loadChatCluster(text).spec);
});

const messageOf = (spec: object): string => {
  try {
    checkChatCluster(named("wrong", spec), "file");
    return "accepted";
  } catch (error) {
    return (error as Error).message;
  }
};

test.each(brokenSpecs)(
  "refuses %j in the words of the CRD, and so does `disroom up`",
  async (spec, field) => {
    const inCrd = crdRules().map((rule) => `${rule.field}: ${rule.message}`);
    for (const request of requestsWith(spec)) {
      const { code, causes } = await refusal(request());
      expect(code).toBe(422);
      expect(causes).toHaveLength(1);
      expect(inCrd).toContain(causes[0]);
      expect(causes[0]).toMatch(new RegExp(`^${field.replaceAll(".", "\\.")}: `));
      expect(messageOf(spec)).toBe(`file: ${causes[0]}`);
    }
  },
);

/** Changes that a running cluster could not follow: the object, its new spec, the field. */
const refusedChanges: readonly [name: string, spec: object, field: string][] = [
  ["running", { workers: { partitions: 32 } }, "spec.workers.partitions"],
  ["running", { workers: { partitions: 8 } }, "spec.workers.partitions"],
  [
    "running",
    { nats: { storage: { size: "9Gi" } }, rooms: { retention: { maxBytes: "7Gi" } } },
    "spec.nats.storage.size",
  ],
  ["running", { nats: { storage: { className: "fast" } } }, "spec.nats.storage.className"],
  ["with-class", { nats: { storage: { className: "slow" } } }, "spec.nats.storage.className"],
  ["with-class", {}, "spec.nats.storage.className"],
];

test.each(refusedChanges)("refuses to change %s to %j", async (name, spec, field) => {
  // As a new object it would do.
  await create(named("new", spec), tried);
  const { code, causes } = await refusal(update(name, spec, tried));
  expect(code).toBe(422);
  const transitions = crdRules().filter((rule) => rule.isTransition && rule.field === field);
  expect(transitions).toHaveLength(1);
  expect(causes).toEqual(transitions.map(({ message }) => `${field}: ${message}`));
});

test("every rule of the CRD is tried above", () => {
  const once = brokenSpecs.map(([spec]) => messageOf(spec).replace("file: ", ""));
  const changes = refusedChanges.map(([, , field]) => field);
  const untried = crdRules().filter(({ isTransition, field, message }) =>
    isTransition ? !changes.includes(field) : !once.includes(`${field}: ${message}`),
  );
  expect(untried).toEqual([]);
});

test("takes a change of every field that may change", async () => {
  const { spec: before } = await read("running");
  const wanted = structuredClone(everyField) as ChatCluster["spec"];
  delete wanted.nats.storage.className;
  wanted.workers.partitions = before.workers.partitions;
  const { spec: after } = await update("running", wanted, tried);
  expect(after).toEqual(wanted);
  const unchanged = leaves(chatClusterSchema().properties?.spec ?? {}, "").filter(
    (path) => JSON.stringify(valueAt(before, path)) === JSON.stringify(valueAt(after, path)),
  );
  expect(unchanged).toEqual([".nats.storage.className", ".workers.partitions"]);
});

/** Paths of the fields that have no fields of their own. */
const leaves = (schema: Schema, at: string): string[] =>
  schema.properties === undefined
    ? [at]
    : Object.entries(schema.properties).flatMap(([name, property]) => leaves(property, `${at}.${name}`));

const valueAt = (object: unknown, path: string): unknown =>
  path
    .split(".")
    .slice(1)
    .reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], object);

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

/** One of each kind of limit that the schema sets. */
test.each<[limit: string, spec: object, field: string, words: string]>([
  ["minimum", { server: { replicas: 0 } }, "spec.server.replicas", "greater than or equal to 1"],
  ["maximum", { server: { replicas: 101 } }, "spec.server.replicas", "less than or equal to 100"],
  [
    "enum",
    { server: { service: { type: "Public" } } },
    "spec.server.service.type",
    'supported values: "ClusterIP"',
  ],
  ["pattern", { rooms: { retention: { maxAge: "7 days" } } }, "spec.rooms.retention.maxAge", "should match"],
  ["minLength", { image: "" }, "spec.image", "should be at least 1 chars long"],
  ["maxLength", { image: "i".repeat(513) }, "spec.image", "Too long"],
  ["type", { workers: "many" }, "spec.workers", "must be of type object"],
  [
    "a whole number",
    { workers: { minReplicas: 1.5 } },
    "spec.workers.minReplicas",
    "must be of type integer",
  ],
  [
    "maxItems",
    { imagePullSecrets: many(17).map((name) => ({ name })) },
    "spec.imagePullSecrets",
    "must have at most 16 items",
  ],
  [
    "maxProperties",
    { nats: { pod: { labels: Object.fromEntries(many(33).map((key) => [key, key])) } } },
    "spec.nats.pod.labels",
    "must have at most 32",
  ],
  ["required", { imagePullSecrets: [{}] }, "spec.imagePullSecrets", "Required value"],
  [
    "a list with keys",
    { imagePullSecrets: [{ name: "a" }, { name: "a" }] },
    "spec.imagePullSecrets",
    "Duplicate value",
  ],
  [
    "a set",
    { server: { service: { type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8", "10.0.0.0/8"] } } },
    "spec.server.service.loadBalancerSourceRanges",
    "Duplicate value",
  ],
  [
    "items",
    { nats: { pod: { tolerations: [{ effect: "Go" }] } } },
    "spec.nats.pod.tolerations",
    "supported values",
  ],
  [
    "additionalProperties",
    { redis: { pod: { labels: { a: "-" } } } },
    "spec.redis.pod.labels",
    "should match",
  ],
  [
    "int-or-string",
    { nats: { resources: { requests: { cpu: "much" } } } },
    "spec.nats.resources.requests",
    "should match",
  ],
])("refuses what is against %s, and so does `disroom up`", async (_, spec, field, words) => {
  for (const request of requestsWith(spec)) {
    const { code, message, causes } = await refusal(request());
    expect(code).toBe(422);
    expect(causes[0]?.startsWith(field)).toBe(true);
    expect(message).toContain(words);
  }
  expect(messageOf(spec)).toMatch(new RegExp(`^file: ${field.replaceAll(".", "\\.")}`));
});

test.each(["Demo", "1st", "a.b", "a-", "a".repeat(41)])("refuses the name %s", async (name) => {
  const { code, causes } = await refusal(create(named(name, {}), tried));
  expect([code, causes[0]?.split(":")[0]]).toEqual([422, "metadata.name"]);
  expect(() => checkChatCluster(named(name, {}))).toThrow("metadata.name: ");
});

test("a field that there is not is a mistake where that is asked for, as kubectl does", async () => {
  const wrong = named("wrong", { worker: {} });
  const { message } = await refusal(create(wrong, { ...tried, fieldValidation: "Strict" }));
  expect(message).toContain('unknown field "spec.worker"');
  const pruned = await create(wrong, tried);
  expect(pruned.spec).not.toHaveProperty("worker");
});

test("keeps every field of the status, which does not touch the spec", async () => {
  const { spec: before } = await read("running");
  const updateStatus = async (status: object): Promise<unknown> => {
    const body = { ...(await read("running")), spec: {}, status };
    return objects.replaceNamespacedCustomObjectStatus({ ...chatClusters, name: "running", body });
  };
  await updateStatus(everyStatusField);
  const { spec, status } = await read("running");
  expect(status).toEqual(everyStatusField);
  expect(spec).toEqual(before);

  const { conditions } = everyStatusField;
  const { message } = await refusal(updateStatus({ conditions: [...conditions, ...conditions] }));
  expect(message).toContain("status.conditions[1]: Duplicate value");
});

test("`kubectl get chat` shows how it is", async () => {
  const lines = async (...args: string[]): Promise<string[][]> => {
    const table = await kubectl("get", "chat", "running", ...args);
    return table
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
  };
  const [head, row] = await lines();
  expect(head).toEqual(
    ["NAME", "READY", "SERVERS", "WORKERS", "LAG", "ENDPOINT", "AGE"].join("   ").split(/ +/),
  );
  expect(row?.slice(0, -1)).toEqual(["running", "True", "2", "7", "1.5", "203.0.113.1:23"]);
  const [wideHead, wideRow] = await lines("-o", "wide");
  const shown = Object.fromEntries(wideHead?.map((name, index) => [name, wideRow?.[index]]) ?? []);
  expect(shown).toMatchObject({
    NATS: "4",
    REDIS: "1",
    CONNECTIONS: "1234",
    WAITING: "4096",
    MESSAGE: "people can chat",
  });
});

test("`kubectl scale` sets the number of servers within its limits, and finds their pods", async () => {
  await kubectl("scale", "chat", "running", "--replicas=4");
  expect((await read("running")).spec.server.replicas).toBe(4);
  await expect(kubectl("scale", "chat", "running", "--replicas=101")).rejects.toThrow(
    "should be less than or equal to 100",
  );
  const path = "/apis/disroom.io/v1alpha1/namespaces/default/chatclusters/running/scale";
  const { servers } = everyStatusField;
  expect(JSON.parse(await kubectl("get", "--raw", path))).toMatchObject({
    spec: { replicas: 4 },
    status: { replicas: servers.replicas, selector: servers.selector },
  });
});

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

/** Groups of fields, the root's too, with their paths. */
const groups = (schema: Schema, at: string): [path: string, schema: Schema][] => [
  ...(schema.properties === undefined ? [] : [[at, schema] satisfies [string, Schema]]),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    name === "metadata" ? [] : groups(property, `${at}.${name}`),
  ),
  ...(schema.items === undefined ? [] : groups(schema.items, at)),
];

test.each([
  "chatclusters",
  "chatclusters.spec",
  "chatclusters.spec.workers",
  "chatclusters.spec.nats.pod.tolerations",
  "chatclusters.status.workers",
  "chatclusters.status.conditions",
])("`kubectl explain %s` says what each field is", async (path) => {
  const schema = groups(chatClusterSchema(), "chatclusters").findLast(([at]) => at === path)?.[1];
  const said = await eventually(() => kubectl("explain", path), { milliseconds: 30_000, interval: 500 });
  const fields = Object.entries(schema?.properties ?? {}).filter(([name]) => name !== "metadata");
  expect(fields.length).toBeGreaterThan(0);
  for (const [name, { description }] of fields) {
    expect(said).toMatch(new RegExp(`^ {2}${name}\\t`, "m"));
    // The root's own are described by Kubernetes.
    if (path !== "chatclusters") expect(oneLine(said)).toContain(oneLine(String(description)));
  }
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
