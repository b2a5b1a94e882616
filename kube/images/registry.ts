import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { blobFile, type Descriptor, type Index, indexFile, nameOf } from "./layout.ts";

export type Registry = { readonly address: string; readonly port: number; stop(): Promise<void> };

export type RegistryOptions = {
  /** An OCI image layout, in which every image is annotated with its full name: docker.io/library/nats:2.15.2. */
  readonly folder: string;
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
};

type Images = {
  /** Manifests by full name, as it stands in a pod: docker.io/library/nats:2.15.2. */
  readonly byName: ReadonlyMap<string, Descriptor>;
  readonly byDigest: ReadonlyMap<string, Descriptor>;
};

// As the specification of OCI distribution has them. Only what fits is looked for, so that no path leads out of the
// folder.
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const hostPattern = /^[a-zA-Z0-9.-]+(?::\d+)?$/;
const longestName = 255;

/** An answer other than 200, with the specification's code for it. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Serves the images of a folder to containerd, which is told to ask here in place of every registry (a mirror): it
 * then adds the host of the registry that it means as `?ns=docker.io`. Read only; what is added to the folder can be
 * pulled at once.
 */
export async function startRegistry({ folder, address, port }: RegistryOptions): Promise<Registry> {
  const images = new ImageIndex(folder);
  const server = createServer((request, response) => {
    answer(request, response, folder, images).catch((error: Error) => refuse(response, error));
  });
  server.requestTimeout = 30_000;
  await listen(server, address, port);
  return {
    address,
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** index.json, read anew after it changed. Without it there is no image yet. */
class ImageIndex {
  readonly #file: string;
  #version = "";
  #images: Images = { byName: new Map(), byDigest: new Map() };

  constructor(folder: string) {
    this.#file = indexFile(folder);
  }

  async read(): Promise<Images> {
    try {
      const { mtimeNs, size, ino } = await stat(this.#file, { bigint: true });
      const version = `${ino} ${mtimeNs} ${size}`;
      if (version !== this.#version) {
        this.#images = parseIndex(await readFile(this.#file, "utf8"));
        this.#version = version;
      }
    } catch {
      // buildah writes the file in place: half of it may be there yet, and what was known still holds.
    }
    return this.#images;
  }
}

function parseIndex(text: string): Images {
  const { manifests } = JSON.parse(text) as Index;
  const byName = new Map<string, Descriptor>();
  const byDigest = new Map<string, Descriptor>();
  for (const manifest of manifests) {
    const name = nameOf(manifest);
    if (name !== undefined) byName.set(name, manifest);
    byDigest.set(manifest.digest, manifest);
  }
  return { byName, byDigest };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  images: ImageIndex,
): Promise<void> {
  response.setHeader("docker-distribution-api-version", "registry/2.0");
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal(405, "UNSUPPORTED", "this registry is read only");
  }
  const url = URL.parse(request.url ?? "/", "http://registry");
  if (url === null) throw new Refusal(404, "UNSUPPORTED", "no such path");
  if (url.pathname === "/v2/" || url.pathname === "/v2") {
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
    return;
  }
  const [, name, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
  if (name === undefined || reference === undefined) throw new Refusal(404, "UNSUPPORTED", "no such path");
  if (name.length > longestName || !namePattern.test(name)) {
    throw new Refusal(400, "NAME_INVALID", "not a name of a repository");
  }
  if (kind === "blobs") {
    if (!digestPattern.test(reference)) throw new Refusal(400, "DIGEST_INVALID", "not a sha256 digest");
    await send(request, response, folder, "application/octet-stream", reference);
  } else {
    const manifest = findManifest(await images.read(), url.searchParams.get("ns"), name, reference);
    await send(request, response, folder, manifest.mediaType, manifest.digest);
  }
}

function findManifest(images: Images, host: string | null, name: string, reference: string): Descriptor {
  if (host !== null && !hostPattern.test(host))
    throw new Refusal(400, "NAME_INVALID", "not a registry's host");
  const isDigest = digestPattern.test(reference);
  if (!isDigest && !tagPattern.test(reference)) {
    throw new Refusal(400, "MANIFEST_INVALID", "neither a tag nor a sha256 digest");
  }
  const fullName = `${host === null ? "" : `${host}/`}${name}:${reference}`;
  const manifest = isDigest ? images.byDigest.get(reference) : images.byName.get(fullName);
  if (manifest === undefined) throw new Refusal(404, "MANIFEST_UNKNOWN", `no image ${fullName} here`);
  return manifest;
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  type: string,
  digest: string,
): Promise<void> {
  if (!digestPattern.test(digest))
    throw new Refusal(500, "DIGEST_INVALID", "index.json has no sha256 digest");
  const file = blobFile(folder, digest);
  const size = await stat(file).then(
    (found) => found.size,
    () => {
      throw new Refusal(404, "BLOB_UNKNOWN", `no blob ${digest} here`);
    },
  );
  response.writeHead(200, { "content-type": type, "content-length": size, "docker-content-digest": digest });
  if (request.method === "HEAD") {
    response.end();
  } else {
    await pipeline(createReadStream(file), response);
  }
}

function refuse(response: ServerResponse, error: Error): void {
  // What has begun cannot become an error any more; the client sees that bytes are missing.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, code } = error instanceof Refusal ? error : { status: 500, code: "UNKNOWN" };
  const body = JSON.stringify({ errors: [{ code, message: error.message }] });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
