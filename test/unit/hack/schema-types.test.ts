import { expect, test } from "vitest";
import { parse } from "yaml";
import { typesOf } from "../../../hack/schema-types.ts";

const crd = (spec: string) =>
  parse(`
spec:
  group: example.io
  names: { kind: Thing }
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          properties:
            status: { type: object, properties: {} }
            spec:
              type: object
              properties:
                ${spec}
`);

const fields = (spec: string): string => {
  const types = typesOf(crd(spec));
  return types.slice(types.indexOf("export type ThingSpec"), types.indexOf("\nexport type ThingStatus"));
};

test("a field is always there when it has a default or is required", () => {
  expect(fields("{ a: { type: integer }, b: { type: integer, default: 0 } }")).toBe(
    "export type ThingSpec = {\n  a?: number;\n  b: number;\n};\n",
  );
  expect(fields("{ a: { type: object, required: [b], properties: { b: { type: string } } } }")).toBe(
    "export type ThingSpec = {\n  a?: {\n    b: string;\n  };\n};\n",
  );
});

test.each([
  ["{ type: string }", "string"],
  ["{ type: number }", "number"],
  ["{ type: string, enum: [A, B] }", '"A" | "B"'],
  ["{ type: array, items: { type: string } }", "string[]"],
  ["{ type: array, items: { type: string, enum: [A, B] } }", '("A" | "B")[]'],
  ["{ type: object, additionalProperties: { type: string } }", "Record<string, string>"],
  ["{ type: object, x-kubernetes-preserve-unknown-fields: true }", "Record<string, unknown>"],
  ["{ x-kubernetes-int-or-string: true, anyOf: [{ type: integer }, { type: string }] }", "string | number"],
])("%s is %s", (schema, type) => {
  expect(fields(`{ a: ${schema} }`)).toBe(`export type ThingSpec = {\n  a?: ${type};\n};\n`);
});

test("what stands there twice is one type, and so is what a list holds", () => {
  const types = typesOf(
    crd(
      "{ one: { type: object, properties: { size: &size { type: object, properties: { a: { type: string } } } } }, " +
        "two: { type: object, properties: { size: *size } }, " +
        "users: { type: array, items: { type: object, properties: { name: { type: string } } } } }",
    ),
  );
  expect(types.match(/\bSize\b/g)).toHaveLength(3);
  expect(types).toContain("export type Size = {\n  a?: string;\n};\n");
  expect(types).toContain("users?: User[];");
  expect(types).toContain("export type User = {\n  name?: string;\n};\n");
});

test("descriptions are comments, broken where a line would be too long", () => {
  expect(fields("{ a: { type: string, description: Short. } }")).toContain("  /** Short. */\n  a?: string;");
  const long = fields(`{ a: { type: string, description: ${"long ".repeat(40)} } }`);
  expect(long).toContain("  /**\n   * long long");
  expect(Math.max(...long.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
});

test("a schema that no type is known for is an error", () => {
  expect(() => fields("{ a: {} }")).toThrow("no type is known for {}");
});
