import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { objectsOf } from "../../../../src/operator/resources/objects.ts";
import { full, fullOptions, minimal, options } from "./chat-clusters.ts";

/** What objects a ChatCluster becomes, for people who review a change. `UPDATE_GOLDEN=1 npx vitest run` writes it. */
test.each([
  ["minimal", objectsOf(minimal, options)],
  ["full", objectsOf(full, fullOptions)],
])("the objects of the %s ChatCluster are those of its golden file", (name, objects) => {
  const file = new URL(`golden/${name}.yaml`, import.meta.url);
  const yaml = objects.map(readable).map((object) => stringify(object, yamlStyle));
  const text = `${comment}---\n${yaml.join("---\n")}`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
});

const comment = "# Written by golden.test.ts; the data of Secrets is shown as text.\n";
const yamlStyle = { aliasDuplicateObjects: false, lineWidth: 0 };

function readable(object: KubeObject): KubeObject {
  if (object.kind !== "Secret") return object;
  const texts = Object.entries(object.data as Record<string, string>).map(([key, text]) => [
    key,
    Buffer.from(text, "base64").toString(),
  ]);
  return { ...object, data: Object.fromEntries(texts) };
}
