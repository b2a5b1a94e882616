import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Registry, startRegistry } from "../../../kube/images/registry.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";

let parent: string;
let folder: string;
let registry: Registry;
beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "disroom-registry-"));
  folder = join(parent, "images");
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  writeFileSync(join(parent, "secret"), "secret");
  registry = await startRegistry({ folder, address: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await registry.stop();
  rmSync(parent, { recursive: true });
});

function blob(content: string): string {
  const hash = createHash("sha256").update(content).digest("hex");
  writeFileSync(join(folder, "blobs", "sha256", hash), content);
  return `sha256:${hash}`;
}

/** Makes the layout hold these images, and returns the digests of their manifests. */
function images(contents: Readonly<Record<string, string>>): string[] {
  const manifests = Object.entries(contents).map(([name, content]) => ({
    mediaType: manifestType,
    digest: blob(content),
    size: content.length,
    annotations: { "org.opencontainers.image.ref.name": name },
  }));
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return manifests.map(({ digest }) => digest);
}

function get(path: string, method = "GET"): Promise<Response> {
  return fetch(`http://127.0.0.1:${registry.port}${path}`, { method });
}

/** Asks for a path just as it stands here, which fetch would tidy up first. */
function getRaw(path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port: registry.port, path }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", reject).end();
  });
}

test("says that it is a registry", async () => {
  const answer = await get("/v2/");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
});

test.each(["/v2/library/nats/manifests/2.15.2?ns=docker.io", "/v2/docker.io/library/nats/manifests/2.15.2"])(
  "an image is found by its tag: %s",
  async (path) => {
    const [digest = ""] = images({
      "docker.io/library/nats:2.15.2": "nats",
      "registry.k8s.io/pause:3.10": "pause",
    });
    for (const method of ["HEAD", "GET"]) {
      const answer = await get(path, method);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe(manifestType);
      expect(answer.headers.get("content-length")).toBe("4");
      expect(answer.headers.get("docker-content-digest")).toBe(digest);
      expect(await answer.text()).toBe(method === "HEAD" ? "" : "nats");
    }
  },
);

test("the same name and tag at another registry is another image", async () => {
  images({ "docker.io/library/nats:2.15.2": "nats" });
  expect((await get("/v2/library/nats/manifests/2.15.2?ns=quay.io")).status).toBe(404);
  expect((await get("/v2/library/nats/manifests/2.15.2")).status).toBe(404);
});

test("a manifest is found by its digest, and what is no manifest is not", async () => {
  const [digest] = images({ "docker.io/library/nats:2.15.2": "nats" });
  const answer = await get(`/v2/library/nats/manifests/${digest}?ns=docker.io`);
  expect(answer.headers.get("content-type")).toBe(manifestType);
  expect(await answer.text()).toBe("nats");
  expect((await get(`/v2/library/nats/manifests/${blob("layer")}?ns=docker.io`)).status).toBe(404);
});

test("a blob is found by its digest", async () => {
  const digest = blob("a layer");
  for (const method of ["HEAD", "GET"]) {
    const answer = await get(`/v2/library/nats/blobs/${digest}?ns=docker.io`, method);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-length")).toBe("7");
    expect(answer.headers.get("docker-content-digest")).toBe(digest);
    expect(await answer.text()).toBe(method === "HEAD" ? "" : "a layer");
  }
});

test("an image that is made while the registry runs can be pulled at once, and one that is made anew is the new one", async () => {
  const path = "/v2/chat/manifests/1?ns=disroom.io";
  expect((await get(path)).status).toBe(404);
  images({ "disroom.io/chat:1": "first" });
  expect(await (await get(path)).text()).toBe("first");
  images({ "disroom.io/chat:1": "other" });
  expect(await (await get(path)).text()).toBe("other");
});

test("while the index is being written, what was known still holds", async () => {
  const path = "/v2/chat/manifests/1?ns=disroom.io";
  images({ "disroom.io/chat:1": "first" });
  await get(path);
  writeFileSync(join(folder, "index.json"), '{"schemaVersion":2,"manif');
  expect(await (await get(path)).text()).toBe("first");
});

test.each([
  ["an unknown image", "/v2/nothing/manifests/1?ns=docker.io", 404, "MANIFEST_UNKNOWN"],
  ["an unknown blob", `/v2/nothing/blobs/sha256:${"0".repeat(64)}`, 404, "BLOB_UNKNOWN"],
  ["a digest that is none", "/v2/nothing/blobs/sha256:secret", 400, "DIGEST_INVALID"],
  ["a tag that is none", "/v2/nothing/manifests/a:b", 400, "MANIFEST_INVALID"],
  ["a name with capitals", "/v2/Nothing/manifests/1", 400, "NAME_INVALID"],
  ["a host that is none", "/v2/nothing/manifests/1?ns=a/b", 400, "NAME_INVALID"],
  ["another path", "/v2/_catalog", 404, "UNSUPPORTED"],
])("%s is refused as the specification says", async (_, path, status, code) => {
  const answer = await get(path);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(await answer.json()).toEqual({ errors: [{ code, message: expect.any(String) }] });
});

test("nothing can be written", async () => {
  expect((await get("/v2/library/nats/blobs/uploads/", "POST")).status).toBe(405);
  expect((await get("/v2/library/nats/manifests/1", "DELETE")).status).toBe(405);
});

test.each([
  "/v2/library/nats/blobs/../../../../secret",
  "/v2/library/nats/blobs/..%2f..%2f..%2fsecret",
  "/v2/library/nats/blobs/sha256:..%2f..%2f..%2fsecret",
  "/v2/library/nats/manifests/..%2f..%2fsecret?ns=docker.io",
  "/v2/..%2f..%2fsecret/blobs/sha256:0",
  "//",
])("no path leads out of the folder: %s", async (path) => {
  images({ "docker.io/library/nats:2.15.2": "nats" });
  const { status, body } = await getRaw(path);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(body).not.toContain("secret");
});
