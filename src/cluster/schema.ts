import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { nearest } from "./nearest.ts";

/** The part of OpenAPI's schema objects that the CRD uses. */
export type Schema = {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | false;
  items?: Schema;
  example?: unknown;
  [keyword: string]: unknown;
};

const crdFile = new URL("../../crds/chatclusters.disroom.io.yaml", import.meta.url);

/** The schema of a ChatCluster, as it stands in the CRD. */
export function chatClusterSchema(): Schema {
  return parse(readFileSync(crdFile, "utf8")).spec.versions[0].schema.openAPIV3Schema;
}

let compiled: ValidateFunction | undefined;

/**
 * Fills the CRD's defaults into `object` and says what is wrong with it, as `<field>: <what it must be>`.
 * Unlike an API server, which drops fields that it does not know, this calls them mistakes.
 */
export function fillAndCheck(object: unknown): string[] {
  compiled ??= new Ajv({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    strict: false,
    validateFormats: false,
  }).compile(forAjv(chatClusterSchema()));
  return compiled(object) ? [] : describe(compiled.errors ?? []);
}

/** The CRD's schema for a checker that knows neither Kubernetes' extensions nor its standard fields. */
function forAjv(crdSchema: Schema): Schema {
  const { properties = {}, ...root } = crdSchema;
  const metadata = { required: ["name"], ...properties.metadata };
  return closed({
    ...root,
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      ...properties,
      apiVersion: { type: "string", enum: ["disroom.io/v1alpha1"] },
      metadata: { ...metadata, additionalProperties: {} },
    },
  });
}

/** `schema` with no fields allowed but those that it names, and nothing twice where Kubernetes refuses that. */
function closed(schema: Schema): Schema {
  const { properties, additionalProperties, items, ...rest } = schema;
  return {
    ...rest,
    ...(hasUniqueItems(schema) && { uniqueItems: true }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, closed(property)]),
      ),
    }),
    ...(properties && { additionalProperties: false }),
    ...(additionalProperties && { additionalProperties: closed(additionalProperties) }),
    ...(items && { items: closed(items) }),
  };
}

/** Kubernetes compares the keys of items. That is to compare whole items only where they have nothing else. */
function hasUniqueItems({ items, ...list }: Schema): boolean {
  if (list["x-kubernetes-list-type"] === "set") return true;
  const keys = list["x-kubernetes-list-map-keys"] as string[] | undefined;
  return keys !== undefined && Object.keys(items?.properties ?? {}).every((name) => keys.includes(name));
}

/** One line for each field that is wrong. */
function describe(errors: readonly ErrorObject[]): string[] {
  const byField = new Map<string, string>();
  for (const error of errors) {
    const [field, problem] = describeOne(error);
    if (!byField.has(field)) byField.set(field, problem);
  }
  return [...byField].map(([field, problem]) => `${field}: ${problem}`);
}

function describeOne(error: ErrorObject): [field: string, problem: string] {
  const at = error.instancePath.slice(1).replaceAll("/", ".");
  const inside = (name: string): string => (at === "" ? name : `${at}.${name}`);
  const { params, data } = error;
  const schema = error.parentSchema as Schema;
  switch (error.keyword) {
    case "additionalProperties": {
      const name: string = params.additionalProperty;
      const known = Object.keys(schema.properties ?? {});
      const hint = nearest(name, known);
      return [
        inside(name),
        `is no field of a ChatCluster; ${hint === undefined ? `known here: ${known.join(", ")}` : `did you mean ${hint}?`}`,
      ];
    }
    case "required":
      return [inside(params.missingProperty), "is missing"];
    case "minimum":
      return [at, `must be at least ${params.limit}, not ${data}`];
    case "maximum":
      return [at, `must be at most ${params.limit}, not ${data}`];
    case "enum":
      return [at, `must be ${(params.allowedValues as unknown[]).join(" or ")}, not ${shown(data)}`];
    case "type":
      return [at, `must be ${typeWords(schema, params.type)}, not ${shown(data)}`];
    case "pattern":
      return [at, `must look like ${schema.example}, not ${shown(data)}`];
    case "uniqueItems":
      return [at, `must not hold ${shown((data as unknown[])[params.i])} twice`];
    default:
      return [at, `${error.message}`];
  }
}

const shown = (value: unknown): string => JSON.stringify(value);

function typeWords(schema: Schema, type: string): string {
  switch (type) {
    case "object":
      return "a group of fields";
    case "array":
      return "a list";
    case "boolean":
      return "true or false";
    case "integer":
      return "a whole number";
    default:
      return schema.example === undefined ? "a text" : `a text such as "${schema.example}"`;
  }
}
