import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { kubernetesBinary } from "../../../kube/system/binaries.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-kubernetes-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  vi.stubEnv("KUBEBUILDER_ASSETS", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "", { mode: 0o755 });
  return file;
}

test("takes a program from KUBEBUILDER_ASSETS, and what that lacks from the cache folder", () => {
  const built = program("cache/disroom/kubernetes/etcd");
  const kubectl = program("cache/disroom/kubernetes/kubectl");
  expect(kubernetesBinary("etcd")).toBe(built);
  const given = program("assets/etcd");
  vi.stubEnv("KUBEBUILDER_ASSETS", dirname(given));
  expect(kubernetesBinary("etcd")).toBe(given);
  expect(kubernetesBinary("kubectl")).toBe(kubectl);
});

test("says how to get a program that is missing", () => {
  expect(() => kubernetesBinary("kubelet")).toThrow("kubelet is missing; `hack/setup.sh test` builds it");
});
