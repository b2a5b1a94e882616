import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Credentials } from "../../../../src/operator/kube/credentials.ts";

const folder = mkdtempSync(join(tmpdir(), "disroom-credentials-"));
const runs = join(folder, "runs");

beforeAll(() => {
  // A plugin whose token is the number of its run.
  const plugin = join(folder, "plugin");
  const token = '{"kind":"ExecCredential","status":{"token":"run-\'$(wc -l < "$RUNS" | tr -d " ")\'"}}';
  writeFileSync(plugin, `#!/bin/sh\necho run >> "$RUNS"\nprintf '%s' '${token}'\n`);
  chmodSync(plugin, 0o755);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(): KubeConfig {
  const config = new KubeConfig();
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: join(folder, "plugin"),
    env: [{ name: "RUNS", value: runs }],
  };
  const cluster = { name: "c", server: "https://127.0.0.1:1", skipTLSVerify: false };
  config.loadFromClusterAndUser(cluster, { name: "u", exec });
  return config;
}

test("a plugin is asked once by all who ask at once, and again when what it said is refused", async () => {
  const credentials = new Credentials(load);
  const shownAt = performance.now();
  const all = await Promise.all(Array.from({ length: 5 }, () => credentials.options()));
  expect(all.map(({ headers }) => headers)).toEqual(
    Array.from({ length: 5 }, () => ({ Authorization: "Bearer run-1" })),
  );
  expect(credentials.refresh(shownAt)).toBe(true);
  // Who was refused with what has been replaced meanwhile need not have it replaced again.
  expect(credentials.refresh(shownAt)).toBe(true);
  expect((await credentials.options()).headers).toEqual({ Authorization: "Bearer run-2" });
  expect(readFileSync(runs, "utf8")).toBe("run\nrun\n");
  // What has just been read is not read again.
  expect(credentials.refresh(performance.now())).toBe(false);
});

test("a kubeconfig that cannot be read while it is replaced is read the next time", async () => {
  const broken: { is: boolean } = { is: false };
  const credentials = new Credentials(() => {
    if (broken.is) throw new Error("half a file");
    return load();
  });
  broken.is = true;
  expect(credentials.refresh(performance.now())).toBe(false);
  broken.is = false;
  expect(credentials.refresh(performance.now())).toBe(true);
});
