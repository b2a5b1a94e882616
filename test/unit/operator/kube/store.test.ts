import { expect, test } from "vitest";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { Store } from "../../../../src/operator/kube/store.ts";

const object = (name: string, resourceVersion: string, more: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name, resourceVersion, uid: `uid of ${name}`, ...more },
});
const inRoom = (room: string) => ({ labels: { room } });
const byRoom = () => new Store({ groupOf: ({ metadata }) => metadata.labels?.room });

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
  const store = byRoom();
  store.put(object("a", "1", inRoom("old")));
  expect(store.put(object("a", "2", { uid: "another", ...inRoom("new") }))).toMatchObject([
    { type: "deleted", object: { metadata: { uid: "uid of a" } } },
    { type: "added", object: { metadata: { uid: "another" } } },
  ]);
  expect(store.inGroup("old")).toEqual([]);
  expect(store.inGroup("new")).toHaveLength(1);
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

test("finds what is in a group, also when objects go from one to another", () => {
  const store = byRoom();
  store.put(object("a", "1", inRoom("one")));
  store.put(object("b", "1", inRoom("one")));
  store.put(object("c", "1"));
  const names = (room: string): string[] => store.inGroup(room).map(({ metadata }) => metadata.name);
  expect(names("one")).toEqual(["a", "b"]);
  store.put(object("a", "2", inRoom("other")));
  expect(names("one")).toEqual(["b"]);
  expect(names("other")).toEqual(["a"]);
  store.delete(object("b", "2", inRoom("other")));
  expect(names("one")).toEqual([]);
  expect(names("other")).toEqual(["a"]);
});

test("does not keep who set which field", () => {
  const store = new Store();
  const [change] = store.put(object("a", "1", { managedFields: [{ manager: "x" }], labels: { a: "b" } }));
  expect(change?.object.metadata).not.toHaveProperty("managedFields");
  expect(change?.object.metadata.labels).toEqual({ a: "b" });
});

test("keeps no more of an object than is wanted", () => {
  const store = new Store({ reduce: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }) });
  const large = { ...object("a", "1"), data: { large: "x" } };
  const kept = object("a", "1");
  expect(store.put(large)).toEqual([{ type: "added", object: kept, old: undefined }]);
  expect(store.list()).toEqual([kept]);
  expect(store.delete(large)).toEqual([{ type: "deleted", object: kept, old: undefined }]);
});

test("objects that are alike share what they have in common, whatever they have of their own", () => {
  const store = new Store({ alike: ({ metadata }) => metadata.labels?.room });
  const spec = (port: number) => ({ ports: [{ port }], list: [1, 2] });
  store.put({ ...object("a", "1", inRoom("one")), spec: spec(80) });
  store.put({ ...object("b", "1", inRoom("other")), spec: spec(80) });
  store.put({ ...object("c", "1", inRoom("one")), spec: spec(80) });
  store.put({ ...object("d", "1", inRoom("one")), spec: spec(443) });
  const [a, b, c, d] = store.list();
  expect(c?.spec).toBe(a?.spec);
  expect(b?.spec).not.toBe(a?.spec);
  expect([a, b, c, d].map((one) => one?.spec)).toEqual([80, 80, 80, 443].map(spec));
  expect([a, b, c, d].map((one) => one?.metadata.name)).toEqual(["a", "b", "c", "d"]);
});
