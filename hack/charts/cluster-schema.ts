// Writes charts/disroom-cluster/values.schema.json from the CRD; with --check, fails when it is stale.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { writeGenerated } from "../generated-file.ts";
import { type Crd, namedIn } from "../schema-types.ts";
import { helmSchema } from "./helm-schema.ts";

const crdFile = "crds/chatclusters.disroom.io.yaml";
const crd: Crd = parse(readFileSync(crdFile, "utf8"));
const { spec = {}, metadata } = crd.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
const { pattern, maxLength } = metadata?.properties?.name ?? {};

const texts = { type: "object", additionalProperties: { type: "string" } };
const names = new Map(namedIn(spec));
const schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Values of the chart disroom-cluster",
  type: "object",
  additionalProperties: false,
  properties: {
    // Helm gives it to every chart.
    global: { type: "object" },
    name: { type: "string", maxLength, pattern: `^$|${pattern}` },
    labels: texts,
    annotations: texts,
    spec: helmSchema(spec, names),
  },
  definitions: Object.fromEntries([...names].map(([one, name]) => [name, helmSchema(one, names, true)])),
};

writeGenerated(
  "charts/disroom-cluster/values.schema.json",
  `${JSON.stringify(schema, undefined, 2)}\n`,
  crdFile,
  "npm run generate",
);
