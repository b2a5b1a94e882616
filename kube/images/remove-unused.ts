// remove-unused.ts <folder>: takes away what no image of an OCI image layout has any more. buildah only adds: an image
// that was made anew leaves its old manifest there without a name, and its layers.
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Index = { manifests: { digest: string; annotations?: Record<string, string> }[] };
type Manifest = { config: { digest: string }; layers: { digest: string }[] };

/** What is younger may belong to an image that is on its way. */
const youngest = 10 * 60_000;

const [folder = "."] = process.argv.slice(2);
const blobs = join(folder, "blobs", "sha256");
const fileOf = (digest: string): string => digest.replace("sha256:", "");
const readJson = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));

const indexFile = join(folder, "index.json");
const index = readJson(indexFile) as Index;
const named = index.manifests.filter(
  ({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] !== undefined,
);
if (named.length < index.manifests.length) {
  writeFileSync(`${indexFile}.new`, JSON.stringify({ ...index, manifests: named }));
  renameSync(`${indexFile}.new`, indexFile);
}

const used = new Set<string>();
for (const { digest } of named) {
  const manifest = readJson(join(blobs, fileOf(digest))) as Manifest;
  for (const part of [{ digest }, manifest.config, ...manifest.layers]) used.add(fileOf(part.digest));
}
for (const blob of readdirSync(blobs)) {
  const file = join(blobs, blob);
  if (!used.has(blob) && statSync(file).mtimeMs < Date.now() - youngest) rmSync(file);
}
