import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-images-"));
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

function blob(name: string, content: unknown, age: number): void {
  const file = join(folder, "blobs", "sha256", name);
  writeFileSync(file, JSON.stringify(content));
  const time = Date.now() / 1000 - age;
  utimesSync(file, time, time);
}

/** An image of two layers, one of which it shares with all others. */
function image(name: string, age: number): void {
  const layers = [{ digest: "sha256:base" }, { digest: `sha256:${name}-layer` }];
  blob("base", "base", age);
  blob(`${name}-layer`, "layer", age);
  blob(`${name}-config`, "config", age);
  blob(name, { config: { digest: `sha256:${name}-config` }, layers }, age);
}

test("of an image that was made anew, what the new one does not have goes; what is on its way stays", () => {
  const hour = 3600;
  image("old", hour);
  image("new", hour);
  blob("coming-layer", "layer", 1);
  const named = {
    digest: "sha256:new",
    annotations: { "org.opencontainers.image.ref.name": "docker.io/library/nats:2.15.2" },
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ manifests: [{ digest: "sha256:old" }, named] }));

  execFileSync(process.execPath, ["kube/images/remove-unused.ts", folder]);

  expect(readdirSync(join(folder, "blobs", "sha256")).sort()).toEqual(
    ["base", "coming-layer", "new", "new-config", "new-layer"].sort(),
  );
  expect(JSON.parse(readFileSync(join(folder, "index.json"), "utf8"))).toEqual({ manifests: [named] });
});
