import { isMap, isScalar, parseDocument, type YAMLMap } from "yaml";

export type CommentedValue = {
  readonly value: unknown;
  /** What stands right above it. */
  readonly comment: string | undefined;
};

/** The values of a values.yaml by their paths, `image.tag` for example, groups of values included. */
export function commentedValues(text: string): Map<string, CommentedValue> {
  const found = new Map<string, CommentedValue>();
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error("values are expected to be a map");
  visit(contents, "", found);
  return found;
}

function visit(map: YAMLMap, at: string, found: Map<string, CommentedValue>): void {
  for (const [index, { key, value }] of map.items.entries()) {
    if (!isScalar(key)) throw new Error(`a key of ${at || "the values"} is no text`);
    const path = at === "" ? String(key.value) : `${at}.${key.value}`;
    // The parser takes what stands above a map's first key for the map's.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined);
    found.set(path, {
      value: isMap(value) ? value.toJSON() : (value as { toJSON(): unknown }).toJSON(),
      comment: comment
        ?.split(/\n\s*\n/)
        .at(-1)
        ?.replaceAll(/\s+/g, " ")
        .trim(),
    });
    if (isMap(value)) visit(value, path, found);
  }
}
