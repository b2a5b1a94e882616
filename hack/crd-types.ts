// Writes src/cluster/chat-cluster.ts, the types of a ChatCluster, from the CRD; with --check, fails when what
// stands there is not what the CRD says.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { writeGenerated } from "./generated-file.ts";
import { typesOf } from "./schema-types.ts";

const crdFile = "crds/chatclusters.disroom.io.yaml";
const command = "npm run generate";

const types = `// Made from ${crdFile} by \`${command}\`: change it there.

${typesOf(parse(readFileSync(crdFile, "utf8")))}`;

writeGenerated("src/cluster/chat-cluster.ts", types, crdFile, command);
