// Adds the one image that `docker save` has written to an OCI image layout, under its whole name; `docker save` gives it
// its tag alone: node hack/image/add-to-layout.ts SAVED LAYOUT NAME
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

type Index = { manifests: { annotations?: Record<string, string> }[] };

const refName = "org.opencontainers.image.ref.name";
const [saved, layout, name = ""] = process.argv.slice(2);
const readIndex = (folder: string | undefined): Index =>
  JSON.parse(readFileSync(`${folder}/index.json`, "utf8"));

const { manifests, ...rest } = readIndex(saved);
if (manifests.length !== 1) throw new Error(`docker save has written ${manifests.length} images, not one`);
const others = existsSync(`${layout}/index.json`) ? readIndex(layout).manifests : [];
const index = {
  ...rest,
  manifests: [
    ...others.filter(({ annotations }) => annotations?.[refName] !== name),
    ...manifests.map((manifest) => ({ ...manifest, annotations: { [refName]: name } })),
  ],
};

cpSync(`${saved}/blobs`, `${layout}/blobs`, { recursive: true });
cpSync(`${saved}/oci-layout`, `${layout}/oci-layout`);
writeFileSync(`${layout}/index.json.new`, JSON.stringify(index));
renameSync(`${layout}/index.json.new`, `${layout}/index.json`);
