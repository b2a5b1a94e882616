import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolsFolder } from "../../src/local/binaries.ts";

/** The OCI image layout that holds all images which nodes can pull. */
export function imagesFolder(): string {
  return join(toolsFolder(process.env), "..", "images");
}

/** What index.json says of an image: where its manifest is. */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** index.json of an OCI image layout. */
export type Index = { readonly schemaVersion: number; readonly manifests: readonly Descriptor[] };

const refName = "org.opencontainers.image.ref.name";

/** The full name of an image, as it stands in a pod: docker.io/library/nats:2.15.2. */
export function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[refName];
}

/** The image, under that name and no other. */
export function withName(image: Descriptor, name: string): Descriptor {
  return { ...image, annotations: { [refName]: name } };
}

export function indexFile(folder: string): string {
  return join(folder, "index.json");
}

export function readIndex(folder: string): Index {
  return JSON.parse(readFileSync(indexFile(folder), "utf8"));
}

/** Whoever reads it meanwhile gets it whole. */
export function writeIndex(folder: string, index: Index): void {
  const file = indexFile(folder);
  writeFileSync(`${file}.new`, JSON.stringify(index));
  renameSync(`${file}.new`, file);
}

export function blobsFolder(folder: string): string {
  return join(folder, "blobs", "sha256");
}

/** Where the content with that digest is. */
export function blobFile(folder: string, digest: string): string {
  return join(blobsFolder(folder), digest.replace("sha256:", ""));
}
