import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-images-"));
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

function blob(name: string, content: unknown): void {
  writeFileSync(join(folder, "blobs", "sha256", name), JSON.stringify(content));
}

/** An image of two layers, one of which it shares with all others. */
function image(name: string): void {
  const layers = [{ digest: "sha256:base" }, { digest: `sha256:${name}-layer` }];
  blob("base", "base");
  blob(`${name}-layer`, "layer");
  blob(`${name}-config`, "config");
  blob(name, { config: { digest: `sha256:${name}-config` }, layers });
}

test("of an image that was made anew, what the new one does not have goes", () => {
  image("old");
  image("new");
  const named = {
    digest: "sha256:new",
    annotations: { "org.opencontainers.image.ref.name": "docker.io/library/nats:2.15.2" },
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ manifests: [{ digest: "sha256:old" }, named] }));

  execFileSync(process.execPath, ["kube/images/remove-unused.ts", folder]);

  expect(readdirSync(join(folder, "blobs", "sha256")).sort()).toEqual(
    ["base", "new", "new-config", "new-layer"].sort(),
  );
  expect(JSON.parse(readFileSync(join(folder, "index.json"), "utf8"))).toEqual({ manifests: [named] });
});
