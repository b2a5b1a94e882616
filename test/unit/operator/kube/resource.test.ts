import { expect, test } from "vitest";
import { keyOf, nameOfKey } from "../../../../src/operator/kube/objects.ts";
import {
  collectionPath,
  objectPath,
  resources,
  versionPath,
} from "../../../../src/operator/kube/resource.ts";

const { chatClusters, namespaces, pods } = resources;

test("knows where the API server serves objects", () => {
  expect(versionPath(pods)).toBe("/api/v1");
  expect(versionPath(chatClusters)).toBe("/apis/disroom.io/v1alpha1");
  expect(collectionPath(pods)).toBe("/api/v1/pods");
  expect(collectionPath(pods, "demo")).toBe("/api/v1/namespaces/demo/pods");
  expect(objectPath(pods, { namespace: "demo", name: "a" })).toBe("/api/v1/namespaces/demo/pods/a");
  expect(objectPath(chatClusters, { namespace: "demo", name: "a" }, "status")).toBe(
    "/apis/disroom.io/v1alpha1/namespaces/demo/chatclusters/a/status",
  );
  expect(objectPath(namespaces, { name: "demo" })).toBe("/api/v1/namespaces/demo");
  // A name cannot lead elsewhere.
  expect(objectPath(namespaces, { name: "../pods" })).toBe("/api/v1/namespaces/..%2Fpods");
  expect(() => objectPath(pods, { name: "a" })).toThrow("the Pod a is given without its namespace");
});

test.each([{ namespace: "demo", name: "a" }, { name: "a" }])("a key says which object it is: %j", (name) => {
  expect(nameOfKey(keyOf(name))).toEqual(name);
});
