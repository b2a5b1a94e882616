// Adds the one image that `docker save` has written to an OCI image layout, under its whole name; `docker save` gives it
// its tag alone: node hack/image/add-to-layout.ts SAVED LAYOUT NAME
import { cpSync, existsSync } from "node:fs";
import { indexFile, nameOf, readIndex, withName, writeIndex } from "../../kube/images/layout.ts";

const [saved = "", layout = "", name = ""] = process.argv.slice(2);

const { manifests, ...rest } = readIndex(saved);
if (manifests.length !== 1) throw new Error(`docker save has written ${manifests.length} images, not one`);
const all = existsSync(indexFile(layout)) ? readIndex(layout).manifests : [];
const others = all.filter((image) => nameOf(image) !== name);

cpSync(`${saved}/blobs`, `${layout}/blobs`, { recursive: true });
cpSync(`${saved}/oci-layout`, `${layout}/oci-layout`);
writeIndex(layout, { ...rest, manifests: [...others, ...manifests.map((image) => withName(image, name))] });
