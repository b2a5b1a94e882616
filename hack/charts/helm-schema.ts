import type { Schema } from "../../src/cluster/schema.ts";

/** What means the same in JSON Schema. */
const kept = [
  "type",
  "description",
  "default",
  "enum",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "maxProperties",
  "required",
];

/**
 * A CRD's schema as JSON Schema (draft 7, which all of Helm 3 and 4 read), with no fields but those that it names.
 * @param names those that are definitions of their own; they are referred to
 * @param isDefinition whether this is such a definition itself
 */
export function helmSchema(
  schema: Schema,
  names: ReadonlyMap<Schema, string>,
  isDefinition = false,
): Record<string, unknown> {
  const name = names.get(schema);
  if (name !== undefined && !isDefinition) return { $ref: `#/definitions/${name}` };
  const inner = (one: Schema): Record<string, unknown> => helmSchema(one, names);
  const { properties, additionalProperties, items, example } = schema;
  return {
    ...Object.fromEntries(kept.filter((key) => key in schema).map((key) => [key, schema[key]])),
    ...(schema["x-kubernetes-int-or-string"] === true && { type: ["integer", "string"] }),
    ...(schema["x-kubernetes-list-type"] === "set" && { uniqueItems: true }),
    ...(example !== undefined && { examples: [example] }),
    ...(properties && {
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, property]) => [key, inner(property)]),
      ),
    }),
    ...(additionalProperties && { additionalProperties: inner(additionalProperties) }),
    ...(items && { items: inner(items) }),
  };
}
