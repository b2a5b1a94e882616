import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const crdFile = "crds/chatclusters.disroom.io.yaml";
const typesFile = "src/cluster/chat-cluster.ts";

/** Has the CRD and the types; what is changed there is changed nowhere else. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-crd-types-"));
  for (const file of [crdFile, typesFile]) cpSync(file, join(folder, file));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (file: string): string => readFileSync(join(folder, file), "utf8");

function changeCrd(before: string, after: string): void {
  const text = textOf(crdFile);
  expect(text).toContain(before);
  writeFileSync(join(folder, crdFile), text.replace(before, after));
}

function run(...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [resolve("hack/crd-types.ts"), ...args], {
    cwd: folder,
    encoding: "utf8",
  });
}

const paused = "                paused:\n";

test("the types are what the CRD says", () => {
  expect(run("--check")).toMatchObject({ status: 0, stderr: "" });
});

test.each([
  ["a new field", paused, `                topic:\n                  type: string\n${paused}`],
  ["a field that is gone", "                    syncAlways:", "                    sync:"],
  [
    "another type",
    "type: boolean\n                  default: false",
    "type: integer\n                  default: 0",
  ],
  ["a field without its default", "                  default: false\n", ""],
  ["one more choice", "enum: [Retain, Delete]", "enum: [Retain, Delete, Archive]"],
  ["other words", "Leave the cluster as it is", "Leave the cluster alone"],
  ["a field of the status", "                      description: Workers that the lag asks for.\n", ""],
])("%s in the CRD makes the check fail until the types are written again", (_, before, after) => {
  changeCrd(before, after);
  const stale = textOf(typesFile);
  expect(run("--check")).toMatchObject({
    status: 1,
    stderr:
      "src/cluster/chat-cluster.ts: is not what crds/chatclusters.disroom.io.yaml says; run `npm run generate`\n",
  });
  expect(textOf(typesFile)).toBe(stale);
  expect(run().status).toBe(0);
  expect(run("--check").status).toBe(0);
});
