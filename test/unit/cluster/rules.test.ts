import { expect, test } from "vitest";
import { rules } from "../../../src/cluster/rules.ts";
import { loadChatCluster } from "../../../src/cluster/spec.ts";
import { brokenSpecs } from "../../support/broken-specs.ts";
import { crdRules } from "../../support/crd-rules.ts";

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

test("the CRD and the code have the same rules in the same words, but for those about changes", () => {
  const inCode = rules.map(({ field, message }) => `${field}: ${message}`);
  const inCrd = crdRules().filter(({ isTransition }) => !isTransition);
  expect(inCode.toSorted()).toEqual(inCrd.map(({ field, message }) => `${field}: ${message}`).toSorted());
});

test.each(brokenSpecs)("refused: %j", (spec, field) => {
  const problems = problemsOf(JSON.stringify(spec));
  expect(problems).toHaveLength(1);
  expect(rules.map((rule) => `${rule.field}: ${rule.message}`)).toContain(problems[0]);
  expect(problems[0]).toMatch(new RegExp(`^${field.replaceAll(".", "\\.")}: \\S`));
});

test.each([
  "{ nats: { replicas: 1 } }",
  "{ nats: { replicas: 5 }, rooms: { replicas: 5 } }",
  "{ workers: { partitions: 4, minReplicas: 4, maxReplicas: 4 } }",
  "{ rooms: { retention: { maxAge: 60m } } }",
  "{ rooms: { retention: { maxBytes: 2Gi } } }",
  "{ nats: { storage: { size: 9472Mi } } }",
  "{ server: { service: { type: NodePort, externalTrafficPolicy: Local } } }",
  "{ redis: { pod: { labels: { disroom.io: x, my.app.kubernetes.io/name: x } } } }",
])("allowed, at the limit: %s", (spec) => {
  expect(problemsOf(spec)).toEqual([]);
});
