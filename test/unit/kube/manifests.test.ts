import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { services } from "../../../kube/addresses.ts";
import { provisioner } from "../../../kube/cloud/volumes.ts";
import { containerdConfig } from "../../../kube/node/config.ts";
import { loadChatCluster } from "../../../src/cluster/spec.ts";

/** What is said at two places is said alike. */

const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const images: Record<string, string> = readJson("kube/images/images.json");
const served = [...Object.values(images), `ghcr.io/disroom/disroom:${readJson("package.json").version}`];

const objectsOf = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS());

/** All values in there that have this key. */
function valuesOf(key: string, value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesOf(key, inner)));
}

/** As containerd completes it: nats:2.15.2 is docker.io/library/nats:2.15.2. */
function fullName(image: string): string {
  const [first = "", ...rest] = image.split("/");
  if (rest.length === 0) return `docker.io/library/${image}`;
  return /[.:]/.test(first) || first === "localhost" ? image : `docker.io/${image}`;
}

const manifests = globSync(["kube/manifests/*.yaml", "test/e2e/manifests/*.yaml"]);

test("there are manifests", () => {
  expect(manifests).toContain("kube/manifests/dns.yaml");
  expect(manifests).toContain("test/e2e/manifests/chat.yaml");
});

test.each(manifests)("the images of %s are among those that nodes can pull", (file) => {
  const named = valuesOf("image", objectsOf(file)).map((image) => fullName(String(image)));
  expect(served).toEqual(expect.arrayContaining(named));
});

test("the default images of a ChatCluster are among those that nodes can pull", () => {
  const { nats, redis } = loadChatCluster(readFileSync("examples/minimal.yaml", "utf8")).spec;
  const named = [nats.image, nats.exporterImage, redis.image, redis.exporterImage];
  expect(served).toEqual(expect.arrayContaining(named.map(fullName)));
});

test("nodes can pull the image that holds a pod's namespaces", () => {
  expect(served).toContain(/sandbox_image = "(.*)"/.exec(containerdConfig("/"))?.[1]);
});

test("cluster DNS has the address that kubelets give to pods", () => {
  const addresses = valuesOf("clusterIP", objectsOf("kube/manifests/dns.yaml"));
  expect(addresses).toEqual([services.dns]);
});

test("volumes of the storage class are ours to make", () => {
  expect(valuesOf("provisioner", objectsOf("kube/manifests/storage-class.yaml"))).toEqual([provisioner]);
});

test.each([
  ["nats", "hack/tools/go.mod", "github.com/nats-io/nats-server/v2", "docker.io/library/nats:*-alpine"],
  ["coredns", "hack/tools/addons/go.mod", "github.com/coredns/coredns", "registry.k8s.io/coredns/coredns:v*"],
])("the image %s has the version that %s builds", (image, file, module, name) => {
  const version = readFileSync(file, "utf8").split(`${module} v`)[1]?.split(/\s/)[0];
  expect(images[image]).toBe(name.replace("*", `${version}`));
});
