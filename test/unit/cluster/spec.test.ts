import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { maxWorkers, streamReplicas } from "../../../src/cluster/derived.ts";
import { chatClusterSchema, type Schema } from "../../../src/cluster/schema.ts";
import { checkChatCluster, loadChatCluster } from "../../../src/cluster/spec.ts";
import { everyField } from "../../support/every-field.ts";

const head = "apiVersion: disroom.io/v1alpha1\nkind: ChatCluster\nmetadata: { name: demo }\n";
const load = (spec: string) => loadChatCluster(`${head}spec: ${spec}\n`).spec;
const problemOf = (spec: string): string => {
  try {
    load(spec);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was accepted");
};

const object = (spec: unknown) => ({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name: "demo" },
  spec,
});

const specSchema = (): Schema => chatClusterSchema().properties?.spec ?? {};

test("a value for each field is kept as it is", () => {
  const missing = (schema: Schema, value: unknown, at: string): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
      const own = (value as Record<string, unknown>)[name];
      return own === undefined ? [`${at}.${name}`] : missing(property, own, `${at}.${name}`);
    });
  expect(missing(specSchema(), everyField, "spec")).toEqual([]);
  expect(checkChatCluster(object(everyField)).spec).toEqual(everyField);
});

test("every field of the CRD is described, at every depth, of the status too", () => {
  const undescribed = (schema: Schema, at: string): string[] => [
    ...(schema.description === undefined ? [at] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      // Kubernetes describes metadata itself, and takes no other words for it.
      name === "metadata" ? [] : undescribed(property, `${at}.${name}`),
    ),
    ...(schema.items?.properties === undefined ? [] : undescribed(schema.items, `${at}[]`)),
  ];
  expect(undescribed(chatClusterSchema(), "")).toEqual([]);
});

test("defaults are filled in at every depth", () => {
  const spec = load("{ workers: { partitions: 4 } }");
  expect(spec.nats).toMatchObject({ replicas: 3, storage: { size: "10Gi" }, syncAlways: true });
  expect(spec.rooms.retention).toEqual({ maxAge: "720h", maxBytes: "8Gi", maxMessagesPerRoom: 10_000 });
  expect(spec.server.limits.joinTimeout).toBe("60s");
  expect(spec.server.service.type).toBe("ClusterIP");
  expect(spec.workers).toMatchObject({ partitions: 4, minReplicas: 1, lag: { targetSeconds: 2 } });
});

test("stream replicas and the most workers follow nodes and partitions until they are given", () => {
  expect(streamReplicas(load("{ nats: { replicas: 1 } }"))).toBe(1);
  expect(streamReplicas(load("{ nats: { replicas: 5 } }"))).toBe(3);
  expect(streamReplicas(load("{ nats: { replicas: 5 }, rooms: { replicas: 5 } }"))).toBe(5);
  expect(maxWorkers(load("{ workers: { partitions: 4 } }"))).toBe(4);
  expect(maxWorkers(load("{ workers: { partitions: 4, maxReplicas: 2 } }"))).toBe(2);
});

test("tolerations may be alike, and affinity is whatever Kubernetes makes of it", () => {
  const pod = {
    tolerations: [{ operator: "Exists" }, { operator: "Exists" }],
    affinity: { any: [{ a: 1 }] },
  };
  expect(load(`{ nats: { pod: ${JSON.stringify(pod)} } }`).nats.pod).toEqual(pod);
});

test("the object that was given stays as it is", () => {
  const given = object({});
  checkChatCluster(given);
  expect(given.spec).toEqual({});
});

test.each([
  ["{ worker: {} }", "chatcluster.yaml: spec.worker: is no field of a ChatCluster; did you mean workers?"],
  [
    "{ server: { limits: { maxConnection: 5 } } }",
    "chatcluster.yaml: spec.server.limits.maxConnection: is no field of a ChatCluster; did you mean maxConnections?",
  ],
  [
    "{ queue: { zzz: 5 } }",
    "chatcluster.yaml: spec.queue.zzz: is no field of a ChatCluster; known here: maxBytes",
  ],
  [
    "{ workers: { minReplicas: 0 } }",
    "chatcluster.yaml: spec.workers.minReplicas: must be at least 1, not 0",
  ],
  [
    "{ rooms: { retention: { maxMessagesPerRoom: 99 } } }",
    "chatcluster.yaml: spec.rooms.retention.maxMessagesPerRoom: must be at least 100, not 99",
  ],
  ["{ server: { replicas: 2000 } }", "chatcluster.yaml: spec.server.replicas: must be at most 100, not 2000"],
  [
    "{ queue: { maxBytes: 10 Gigabytes } }",
    'chatcluster.yaml: spec.queue.maxBytes: must look like 1Gi, not "10 Gigabytes"',
  ],
  [
    "{ queue: { maxBytes: 1073741824 } }",
    'chatcluster.yaml: spec.queue.maxBytes: must be a text such as "1Gi", not 1073741824',
  ],
  [
    "{ server: { limits: { joinTimeout: 60 } } }",
    'chatcluster.yaml: spec.server.limits.joinTimeout: must be a text such as "60s", not 60',
  ],
  ["{ paused: maybe }", 'chatcluster.yaml: spec.paused: must be true or false, not "maybe"'],
  ["{ nats: 3 }", "chatcluster.yaml: spec.nats: must be a group of fields, not 3"],
  ["[]", "chatcluster.yaml: spec: must be a group of fields, not []"],
  [
    "{ server: { service: { type: Public } } }",
    'chatcluster.yaml: spec.server.service.type: must be ClusterIP or NodePort or LoadBalancer, not "Public"',
  ],
  [
    "{ imagePullSecrets: [{ name: a }, { name: b }, { name: a }] }",
    'chatcluster.yaml: spec.imagePullSecrets: must not hold {"name":"a"} twice',
  ],
  [
    "{ server: { service: { type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8, 10.0.0.0/8] } } }",
    'chatcluster.yaml: spec.server.service.loadBalancerSourceRanges: must not hold "10.0.0.0/8" twice',
  ],
  [
    "{ nats: { pod: { tolerations: [{ keys: a }] } } }",
    "chatcluster.yaml: spec.nats.pod.tolerations.0.keys: is no field of a ChatCluster; did you mean key?",
  ],
])("a mistake is one line with its field: %s", (spec, message) => {
  expect(problemOf(spec)).toBe(message);
});

test("several mistakes are told at once, a line each", () => {
  expect(problemOf("{ paused: 1, server: { replicas: 0 } }").split("\n")).toEqual([
    "chatcluster.yaml: spec.paused: must be true or false, not 1",
    "chatcluster.yaml: spec.server.replicas: must be at least 1, not 0",
  ]);
});

test.each([
  ["", "holds no ChatCluster"],
  ["kind: Service\n", "holds no ChatCluster"],
  [`${head}spec: {}\n---\n${head}spec: {}\n`, "holds 2 ChatClusters"],
  [head, "spec: is missing"],
  [`${head.replace("v1alpha1", "v1")}spec: {}\n`, "apiVersion: must be disroom.io/v1alpha1"],
  [`${head.replace("demo", "De mo")}spec: {}\n`, "metadata.name: must look like demo"],
  [`${head}spec: { nats: [ }\n`, "at line 4"],
  [`${head}spec: {}\nspec: {}\n`, "Map keys must be unique"],
])("a file without one whole ChatCluster is refused: %j", (text, message) => {
  expect(() => loadChatCluster(text, "x.yaml")).toThrow(message);
  expect(() => loadChatCluster(text, "x.yaml")).toThrow(/^x\.yaml: [^\n]+$/);
});

test("other objects in the file, labels and a status are left alone", () => {
  const text = `kind: Namespace\n---\n${head}  \nstatus: { endpoint: "h:1" }\nspec: {}\n`;
  expect(loadChatCluster(text.replace("name: demo", "name: demo, labels: { a: b }")).metadata.name).toBe(
    "demo",
  );
});

test.each(readdirSync("examples"))("examples/%s is right", (file) => {
  expect(() => loadChatCluster(readFileSync(`examples/${file}`, "utf8"), file)).not.toThrow();
});

test("examples/chatcluster.yaml names every field", () => {
  const text = readFileSync("examples/chatcluster.yaml", "utf8");
  const names = (schema: Schema): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [name, ...names(property)]);
  const unnamed = names(specSchema()).filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  expect(unnamed).toEqual([]);
});

test("Kubernetes gets the nats-server that the tests run on", () => {
  const [, tested] = /nats-server\/v2 v(\S+)/.exec(readFileSync("hack/tools/go.mod", "utf8")) ?? [];
  expect(load("{}").nats.image).toBe(`nats:${tested}-alpine`);
});
