// Copies what charts are made of and is kept elsewhere into them, since a chart has to be whole by itself; with --check,
// fails when a copy is stale. (Links would do for Helm alone, but what fetches charts from Git drops them.)
import { globSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fail, isChecking, writeGenerated } from "../generated-file.ts";

const command = "npm run generate";

/** By their folder in the chart. */
const sources = {
  crds: "crds/*.yaml",
  dashboards: "monitoring/dashboards/*.json",
  rules: "monitoring/rules/*.yaml",
};

for (const [name, pattern] of Object.entries(sources)) {
  const folder = join("charts/disroom-operator/files", name);
  const files = globSync(pattern).toSorted();
  for (const file of files) {
    writeGenerated(join(folder, basename(file)), readFileSync(file, "utf8"), file, command);
  }
  const names = files.map((file) => basename(file));
  for (const copy of globSync(`${folder}/*`).filter((each) => !names.includes(basename(each)))) {
    if (isChecking()) fail(copy, pattern, command);
    else rmSync(copy);
  }
}
