import { expect, test } from "vitest";
import { sharing } from "../../../../src/operator/kube/sharing.ts";

const objectOf = (name: string) => ({
  metadata: { name, labels: { part: "server", instance: name } },
  spec: { ports: [{ port: 80 }, { port: 443 }], empty: {}, none: null },
});

test("what is alike is the same object afterwards, and what is not is as it was", () => {
  const example = objectOf("a");
  const shared = sharing(objectOf("b"), example);
  expect(shared).toEqual(objectOf("b"));
  expect(shared.spec).toBe(example.spec);
  expect(example).toEqual(objectOf("a"));
});

test("parts of what differs are shared", () => {
  const example = objectOf("a");
  const other = objectOf("a");
  (other.spec.ports[1] as { port: number }).port = 8443;
  const shared = sharing(other, example);
  expect(shared.metadata).toBe(example.metadata);
  expect(shared.spec.ports[0]).toBe(example.spec.ports[0]);
  expect(shared.spec.ports).toEqual([{ port: 80 }, { port: 8443 }]);
});

test.each([
  { of: "a field less", object: { a: 1 }, example: { a: 1, b: 2 } },
  { of: "a field more", object: { a: 1, b: 2 }, example: { a: 1 } },
  { of: "another field", object: { a: 1, b: undefined }, example: { a: 1, c: 2 } },
  { of: "fewer items", object: { a: [1] }, example: { a: [1, 2] } },
  { of: "a list in place of an object", object: { a: ["x"] }, example: { a: { 0: "x" } } },
  { of: "null in place of an object", object: { a: null }, example: { a: {} } },
  { of: "an object in place of null", object: { a: {} }, example: { a: null } },
  { of: "a number in place of a text", object: { a: 1 }, example: { a: "1" } },
])("$of is no likeness", ({ object, example }) => {
  const before = structuredClone(object);
  const shared = sharing(object, example);
  expect(shared).not.toBe(example);
  expect(shared).toStrictEqual(before);
});
