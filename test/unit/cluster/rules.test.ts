import { expect, test } from "vitest";
import { rules } from "../../../src/cluster/rules.ts";
import { chatClusterSchema, type Schema } from "../../../src/cluster/schema.ts";
import { loadChatCluster } from "../../../src/cluster/spec.ts";

const problemsOf = (spec: string): string[] => {
  try {
    loadChatCluster(
      `{ apiVersion: disroom.io/v1alpha1, kind: ChatCluster, metadata: { name: demo }, spec: ${spec} }`,
      "c",
    );
    return [];
  } catch (error) {
    return (error as Error).message.split("\n").map((line) => line.split(": ").slice(1).join(": "));
  }
};

type CelRule = { rule: string; message: string; fieldPath?: string };

/** The CEL rules of the CRD but for those about changes, as `<field>: <message>`. */
function celRules(schema: Schema, at: string): string[] {
  const own = ((schema["x-kubernetes-validations"] ?? []) as CelRule[])
    .filter(({ rule }) => !rule.includes("oldSelf"))
    .map(({ message, fieldPath = "" }) => `${at}${fieldPath}: ${message}`);
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    celRules(property, at === "" ? name : `${at}.${name}`),
  );
  return [...own, ...inner];
}

test("the CRD and the code have the same rules in the same words", () => {
  const inCode = rules.map(({ field, message }) => `${field}: ${message}`);
  expect(inCode.toSorted()).toEqual(celRules(chatClusterSchema(), "").toSorted());
});

test.each([
  ["{ nats: { replicas: 2 } }", "spec.nats.replicas"],
  ["{ nats: { replicas: 1 }, rooms: { replicas: 3 } }", "spec.rooms.replicas"],
  ["{ workers: { partitions: 4, minReplicas: 5 } }", "spec.workers.minReplicas"],
  ["{ workers: { partitions: 4, maxReplicas: 5 } }", "spec.workers.maxReplicas"],
  ["{ workers: { minReplicas: 5, maxReplicas: 4 } }", "spec.workers.maxReplicas"],
  ["{ rooms: { retention: { maxAge: 59m } } }", "spec.rooms.retention.maxAge"],
  ["{ rooms: { retention: { maxBytes: 2047Mi } } }", "spec.rooms.retention.maxBytes"],
  ["{ nats: { storage: { size: 9471Mi } } }", "spec.nats.storage.size"],
  [
    "{ server: { service: { loadBalancerSourceRanges: [10.0.0.0/8] } } }",
    "spec.server.service.loadBalancerSourceRanges",
  ],
])("refused: %s", (spec, field) => {
  const problems = problemsOf(spec);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${field.replaceAll(".", "\\.")}: \\S`));
});

test.each([
  "{ nats: { replicas: 1 } }",
  "{ nats: { replicas: 5 }, rooms: { replicas: 5 } }",
  "{ workers: { partitions: 4, minReplicas: 4, maxReplicas: 4 } }",
  "{ rooms: { retention: { maxAge: 60m } } }",
  "{ rooms: { retention: { maxBytes: 2Gi } } }",
  "{ nats: { storage: { size: 9472Mi } } }",
])("allowed, at the limit: %s", (spec) => {
  expect(problemsOf(spec)).toEqual([]);
});
