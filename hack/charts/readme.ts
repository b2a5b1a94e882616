// Writes the values of each chart into its README.md: those that its values.schema.json allows, with the words and
// defaults of its values.yaml, else of its schema; with --check, fails when they are stale.
import { readFileSync } from "node:fs";
import { between, writeGenerated } from "../generated-file.ts";
import { commentedValues } from "./commented-values.ts";
import { type ValuesSchema, valuesTable } from "./values-table.ts";

for (const chart of ["charts/disroom-operator", "charts/disroom-cluster"]) {
  const schema: ValuesSchema = JSON.parse(readFileSync(`${chart}/values.schema.json`, "utf8"));
  const values = commentedValues(readFileSync(`${chart}/values.yaml`, "utf8"));
  const readme = readFileSync(`${chart}/README.md`, "utf8");
  writeGenerated(
    `${chart}/README.md`,
    between(readme, "values", valuesTable(schema, values)),
    `${chart}/values.yaml and values.schema.json`,
    "npm run generate",
  );
}
