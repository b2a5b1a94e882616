import type { Schema } from "../src/cluster/schema.ts";

export type Crd = {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
};

/** Lines of a comment are no longer than the formatter lets lines of code be. */
const lineWidth = 110;

/** Types that have a name of their own, by their schema. */
type Names = ReadonlyMap<Schema, string>;

/**
 * TypeScript types of a CRD's objects as the API server keeps them, so that a field with a default is always there.
 * What stands in the CRD several times, by a YAML alias, is one type, and so is what a list holds.
 */
export function typesOf({ spec: { group, names: kinds, versions } }: Crd): string {
  const [version] = versions;
  if (version === undefined || versions.length > 1) throw new Error("a CRD of one version is expected");
  const { kind } = kinds;
  const { description, properties: { spec = {}, status = {} } = {} } = version.schema.openAPIV3Schema;
  const names = new Map([
    [spec, `${kind}Spec`],
    [status, `${kind}Status`],
    ...namedIn(spec),
    ...namedIn(status),
  ]);
  const root = `${comment(description, 0)}export type ${kind} = {
  apiVersion: "${group}/${version.name}";
  kind: "${kind}";
  metadata: { name: string; namespace?: string };
  spec: ${kind}Spec;
  status?: ${kind}Status;
};
`;
  const others = [...names].map(
    ([schema, name]) => `${comment(schema.description, 0)}export type ${name} = ${body(schema, names, 0)};\n`,
  );
  return [root, ...others].join("\n");
}

/** Groups of fields that are used more than once, and those in lists, which are named after their list. */
export function namedIn(root: Schema): [schema: Schema, name: string][] {
  const uses = new Map<Schema, { name: string; count: number }>();
  const visit = (schema: Schema, name: string): void => {
    const seen = uses.get(schema);
    if (seen !== undefined) {
      seen.count++;
      return;
    }
    uses.set(schema, { name, count: 1 });
    for (const [key, property] of Object.entries(schema.properties ?? {})) visit(property, capitalized(key));
    if (schema.items?.properties !== undefined) {
      visit(schema.items, name.replace(/s$/, ""));
      uses.set(schema.items, { name: name.replace(/s$/, ""), count: 2 });
    }
  };
  visit(root, "");
  return [...uses].flatMap(([schema, { name, count }]): [Schema, string][] =>
    count > 1 && schema.properties !== undefined ? [[schema, name]] : [],
  );
}

/** A schema as a type: by its name where it has one. */
function typeOf(schema: Schema, names: Names, indent: number): string {
  return names.get(schema) ?? body(schema, names, indent);
}

function body(schema: Schema, names: Names, indent: number): string {
  if (schema.enum !== undefined)
    return (schema.enum as unknown[]).map((one) => JSON.stringify(one)).join(" | ");
  if (schema["x-kubernetes-int-or-string"] === true) return "string | number";
  switch (schema.type) {
    case "string":
    case "boolean":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return listType(typeOf(schema.items ?? {}, names, indent));
    case "object":
      return objectType(schema, names, indent);
    default:
      throw new Error(`no type is known for ${JSON.stringify(schema)}`);
  }
}

const listType = (item: string): string => (/^\w+$/.test(item) ? `${item}[]` : `(${item})[]`);

function objectType(schema: Schema, names: Names, indent: number): string {
  const { properties, additionalProperties, required = [] } = schema;
  if (properties === undefined) {
    const values = additionalProperties ? typeOf(additionalProperties, names, indent) : "unknown";
    return `Record<string, ${values}>`;
  }
  const fields = Object.entries(properties).map(([name, property]) => {
    const isThere = required.includes(name) || property.default !== undefined;
    const type = typeOf(property, names, indent + 2);
    const space = " ".repeat(indent + 2);
    return `${comment(property.description, indent + 2)}${space}${name}${isThere ? "" : "?"}: ${type};\n`;
  });
  return `{\n${fields.join("")}${" ".repeat(indent)}}`;
}

/** `text` as a doc comment with its line breaks; nothing without a text. */
function comment(text: unknown, indent: number): string {
  if (typeof text !== "string") return "";
  const space = " ".repeat(indent);
  if (indent + text.length + "/**  */".length <= lineWidth) return `${space}/** ${text} */\n`;
  const lines = wrapped(text, lineWidth - indent - " * ".length).map((line) => `${space} * ${line}\n`);
  return `${space}/**\n${lines.join("")}${space} */\n`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
