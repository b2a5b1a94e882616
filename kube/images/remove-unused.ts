// remove-unused.ts <folder>: takes away what no image of an OCI image layout has any more. buildah only adds: an image
// that was made anew leaves its old manifest there without a name, and its layers. Whoever calls this holds the folder's
// lock, as all do that add to it: what is on its way is of no image yet.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { blobFile, blobsFolder, nameOf, readIndex, writeIndex } from "./layout.ts";

type Manifest = { config: { digest: string }; layers: { digest: string }[] };

const [folder = "."] = process.argv.slice(2);

const index = readIndex(folder);
const named = index.manifests.filter((image) => nameOf(image) !== undefined);
if (named.length < index.manifests.length) writeIndex(folder, { ...index, manifests: named });

const used = new Set<string>();
for (const image of named) {
  const file = blobFile(folder, image.digest);
  const { config, layers } = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  for (const { digest } of [image, config, ...layers]) used.add(basename(blobFile(folder, digest)));
}
const blobs = blobsFolder(folder);
for (const blob of readdirSync(blobs)) if (!used.has(blob)) rmSync(join(blobs, blob));
