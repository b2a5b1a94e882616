import { expect, test } from "vitest";
import { chatClusterSchema, type Schema } from "../../../src/cluster/schema.ts";
import { loadChatCluster } from "../../../src/cluster/spec.ts";
import { kubernetesFields, withoutEffect } from "../../../src/local/without-effect.ts";

const withoutEffectIn = (spec: string): string[] =>
  withoutEffect(
    loadChatCluster(
      `{ apiVersion: disroom.io/v1alpha1, kind: ChatCluster, metadata: { name: demo }, spec: ${spec} }`,
    ).spec,
  );

test.each([
  ["{}", []],
  // What is the default is no wish.
  ["{ paused: false, server: { service: { port: 8080 } }, imagePullSecrets: [] }", []],
  ["{ nats: { replicas: 1, storage: { size: 20Gi } }, server: { replicas: 1 } }", []],
  [
    "{ image: i, server: { service: { type: NodePort } }, nats: { storage: { whenDeleted: Delete } } }",
    ["spec.image", "spec.nats.storage.whenDeleted", "spec.server.service"],
  ],
  [
    "{ workers: { maxReplicas: 4, lag: { targetSeconds: 9 }, pod: { labels: { a: b } } } }",
    ["spec.workers.pod"],
  ],
])("%s: %j", (spec, fields) => {
  expect(withoutEffectIn(spec)).toEqual(fields);
});

test("each of the fields is one of the CRD", () => {
  const schemaOf = (path: string): Schema | undefined =>
    path
      .split(".")
      .reduce((at: Schema | undefined, name) => at?.properties?.[name], chatClusterSchema().properties?.spec);
  expect(kubernetesFields.filter((path) => schemaOf(path) === undefined)).toEqual([]);
});
