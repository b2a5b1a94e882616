import type { CommentedValue } from "./commented-values.ts";

export type ValuesSchema = {
  $ref?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, ValuesSchema>;
  items?: ValuesSchema;
  definitions?: Record<string, ValuesSchema>;
  [keyword: string]: unknown;
};

/**
 * The values of a chart as a table in Markdown.
 * @throws Error where values.yaml and schema do not have the same values, or one has no words
 */
export function valuesTable(root: ValuesSchema, values: ReadonlyMap<string, CommentedValue>): string {
  const rows: string[] = [];
  const known = new Set<string>();
  /** Where a definition was listed before. */
  const listed = new Map<string, string>();

  const resolve = (schema: ValuesSchema): ValuesSchema =>
    schema.$ref === undefined
      ? schema
      : (root.definitions?.[schema.$ref.replace("#/definitions/", "")] ?? {});

  const visit = (schema: ValuesSchema, path: string): void => {
    known.add(path);
    const definition = schema.$ref;
    const resolved = resolve(schema);
    const fields = Object.entries(resolved.properties ?? resolve(resolved.items ?? {}).properties ?? {});
    const own = values.get(path);
    const earlier = definition === undefined ? undefined : listed.get(definition);
    if (earlier !== undefined && fields.length > 0) {
      rows.push(row(path, resolved.default, `as \`${earlier}\``));
      return;
    }
    if (definition !== undefined) listed.set(definition, path);
    // A group needs no row, its fields say all; but for one that values.yaml gives as a whole.
    if (resolved.properties === undefined || isWhole(path, fields, values)) {
      const meaning = own?.comment ?? resolved.description;
      if (meaning === undefined) throw new Error(`${path}: nothing says what it means`);
      rows.push(row(path, own === undefined ? resolved.default : own.value, meaning));
    }
    const inside = resolved.properties === undefined ? `${path}[]` : path;
    for (const [name, field] of fields) visit(field, `${inside}.${name}`);
  };

  const { global: _, ...own } = root.properties ?? {};
  for (const [name, schema] of Object.entries(own)) visit(schema, name);
  for (const path of values.keys()) {
    if (!known.has(path) && !isInside(path, known, root)) throw new Error(`${path}: is not in the schema`);
  }
  return ["| value | default | meaning |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

/** Whether a group stands in values.yaml as one value, none of its fields. */
function isWhole(
  path: string,
  fields: readonly [string, unknown][],
  values: ReadonlyMap<string, CommentedValue>,
): boolean {
  return values.has(path) && fields.every(([name]) => !values.has(`${path}.${name}`));
}

/** Whether a path is part of a value that has no fields of its own in the schema, such as `resources`. */
function isInside(path: string, known: ReadonlySet<string>, root: ValuesSchema): boolean {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf(".")));
  if (parent === "") return false;
  if (!known.has(parent)) return isInside(parent, known, root);
  return schemaAt(root, parent)?.properties === undefined;
}

function schemaAt(root: ValuesSchema, path: string): ValuesSchema | undefined {
  return path.split(".").reduce((at: ValuesSchema | undefined, name) => at?.properties?.[name], root);
}

function row(path: string, value: unknown, meaning: string): string {
  const shown = value === undefined ? "" : `\`${JSON.stringify(value)}\``;
  return `| \`${path}\` | ${cell(shown)} | ${cell(meaning)} |`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
