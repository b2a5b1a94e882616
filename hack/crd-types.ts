// Writes src/cluster/chat-cluster.ts, the types of a ChatCluster, from the CRD; with --check, fails when what
// stands there is not what the CRD says.
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import { typesOf } from "./schema-types.ts";

const crdFile = "crds/chatclusters.disroom.io.yaml";
const typesFile = "src/cluster/chat-cluster.ts";

const wanted = `// Made from ${crdFile} by \`npm run generate\`: change it there.

${typesOf(parse(readFileSync(crdFile, "utf8")))}`;

if (wanted !== readFileSync(typesFile, "utf8")) {
  if (process.argv.includes("--check")) {
    process.stderr.write(`${typesFile}: is not what ${crdFile} says; run \`npm run generate\`\n`);
    process.exit(1);
  }
  writeFileSync(typesFile, wanted);
}
