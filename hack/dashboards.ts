// Writes the Grafana dashboards in monitoring/dashboards from hack/dashboards/; with --check, fails when what stands there
// is not what it says.
import { readFileSync, writeFileSync } from "node:fs";
import { chatCluster } from "./dashboards/chat-cluster.ts";
import { grafanaJson } from "./dashboards/grafana.ts";
import { operator } from "./dashboards/operator.ts";

const dashboards = { "chat-cluster": chatCluster, operator };

for (const [name, dashboard] of Object.entries(dashboards)) {
  const file = `monitoring/dashboards/${name}.json`;
  const wanted = `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`;
  if (wanted === read(file)) continue;
  if (process.argv.includes("--check")) {
    process.stderr.write(`${file}: is not what hack/dashboards/ says; run \`npm run generate\`\n`);
    process.exit(1);
  }
  writeFileSync(file, wanted);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
