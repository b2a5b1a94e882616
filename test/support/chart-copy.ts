import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { operatorChart } from "./helm.ts";

/** A copy of the operator's chart in `folder`, whose CRD has one field more, the text `spec.topic`; its path. */
export function chartWithTopic(folder: string): string {
  const copy = join(folder, "disroom-operator");
  cpSync(operatorChart, copy, { recursive: true });
  const crd = join(copy, "files/crds/chatclusters.disroom.io.yaml");
  const field = "                paused:\n";
  const text = readFileSync(crd, "utf8");
  if (!text.includes(field)) throw new Error(`${crd} has no field "paused" where it is expected`);
  writeFileSync(crd, text.replace(field, `                topic: { type: string }\n${field}`));
  return copy;
}
