import { expect, test } from "vitest";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { Store } from "../../../../src/operator/kube/store.ts";

const object = (name: string, resourceVersion: string, more: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name, resourceVersion, uid: `uid of ${name}`, ...more },
});
const owner = (uid: string) => ({ ownerReferences: [{ apiVersion: "v1", kind: "X", name: "x", uid }] });

test("tells what a sight of an object changes, and nothing where it is known", () => {
  const store = new Store();
  expect(store.put(object("a", "1"))).toMatchObject([{ type: "added" }]);
  expect(store.put(object("a", "1"))).toEqual([]);
  expect(store.put(object("a", "2"))).toMatchObject([
    {
      type: "changed",
      object: { metadata: { resourceVersion: "2" } },
      old: { metadata: { resourceVersion: "1" } },
    },
  ]);
  expect(store.delete(object("a", "3"))).toMatchObject([
    { type: "deleted", object: { metadata: { resourceVersion: "3" } } },
  ]);
  expect(store.delete(object("a", "3"))).toEqual([]);
  expect(store.size).toBe(0);
});

test("another object of the same name: the one before it was deleted", () => {
  const store = new Store();
  store.put(object("a", "1", owner("old")));
  expect(store.put(object("a", "2", { uid: "another", ...owner("new") }))).toMatchObject([
    { type: "deleted", object: { metadata: { uid: "uid of a" } } },
    { type: "added", object: { metadata: { uid: "another" } } },
  ]);
  expect(store.byOwner("old")).toEqual([]);
  expect(store.byOwner("new")).toHaveLength(1);
});

test("what a list does not have was deleted", () => {
  const store = new Store();
  for (const name of ["a", "b", "c"]) store.put(object(name, "1"));
  const changes = store.keepOnly(new Set(["default/b"]));
  expect(changes.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
    "deleted a",
    "deleted c",
  ]);
  expect(store.list().map(({ metadata }) => metadata.name)).toEqual(["b"]);
});

test("finds what an owner has, also when owners change", () => {
  const store = new Store();
  store.put(object("a", "1", owner("one")));
  store.put(object("b", "1", owner("one")));
  const owned = (uid: string): string[] => store.byOwner(uid).map(({ metadata }) => metadata.name);
  expect(owned("one")).toEqual(["a", "b"]);
  store.put(object("a", "2", owner("other")));
  expect(owned("one")).toEqual(["b"]);
  expect(owned("other")).toEqual(["a"]);
  store.delete(object("b", "2"));
  expect(owned("one")).toEqual([]);
});

test("does not keep who set which field", () => {
  const store = new Store();
  const [change] = store.put(object("a", "1", { managedFields: [{ manager: "x" }], labels: { a: "b" } }));
  expect(change?.object.metadata).not.toHaveProperty("managedFields");
  expect(change?.object.metadata.labels).toEqual({ a: "b" });
});
