// Writes deploy/operator.yaml, for those who install with kubectl, from the chart. With --check, fails when it was made
// from another chart than this one: by a hash, so that a check needs no Helm.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { fail, isChecking, writeGenerated } from "../generated-file.ts";

const file = "deploy/operator.yaml";
const chart = "charts/disroom-operator";
const command = "make manifests";
const namespace = "disroom-system";

const inputs = [
  import.meta.filename,
  ...globSync([`${chart}/Chart.yaml`, `${chart}/values.yaml`, `${chart}/templates/*.{yaml,tpl}`]).toSorted(),
];
const hash = createHash("sha256");
for (const input of inputs) hash.update(readFileSync(input));

/** Ends in what tells one chart from another. */
const header = `# The operator for all namespaces: kubectl apply --server-side -f crds -f deploy
# Made from ${chart} by \`${command}\`: change it there. sha256 of that: ${hash.digest("hex")}
`;

if (isChecking()) {
  if (!readFileSync(file, "utf8").startsWith(header)) fail(file, chart, command);
} else {
  // The definition of ChatClusters is not among it: who deletes the operator keeps that and all ChatClusters.
  const args = [`--namespace=${namespace}`, "--set=crds.install=false"];
  const rendered = execFileSync("helm", ["template", "disroom-operator", chart, ...args], {
    encoding: "utf8",
  });
  writeGenerated(file, header + namespaceObject() + withoutTraces(rendered), chart, command);
}

function namespaceObject(): string {
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;
}

/** Without what would say that Helm looks after the objects, and without empty lines. */
function withoutTraces(rendered: string): string {
  return rendered.replaceAll(
    /^(?:# Source: .*| *app\.kubernetes\.io\/managed-by: Helm| *helm\.sh\/chart: .*|)\n/gm,
    "",
  );
}
