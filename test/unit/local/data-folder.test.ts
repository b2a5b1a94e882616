import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataFolder } from "../../../src/local/data-folder.ts";

let parent: string;
let path: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "disroom-data-"));
  path = join(parent, "data");
});
afterEach(() => rmSync(parent, { recursive: true }));

test("credentials are made once, and only their owner can read them", () => {
  const first = openDataFolder(path);
  first.close();
  const second = openDataFolder(path);
  second.close();
  expect(second.credentials).toEqual(first.credentials);
  expect(new Set(Object.values(first.credentials)).size).toBe(4);
  expect(statSync(join(path, "credentials.json")).mode & 0o777).toBe(0o600);
  expect(statSync(first.writeConfig("redis", "x")).mode & 0o777).toBe(0o600);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test("a folder that is in use is refused with the process that has it, and is free after it was closed", () => {
  const folder = openDataFolder(path);
  expect(() => openDataFolder(path)).toThrow(`is in use by process ${process.pid}`);
  folder.close();
  openDataFolder(path).close();
});

test.each([
  ["a process that is gone", () => ({ pid: Number(execFileSync("sh", ["-c", "echo $$"])), began: "1" })],
  ["a process id that is now another's", () => ({ pid: process.pid, began: "1" })],
  ["nobody that can be made out", () => "no process"],
])("the lock of %s is taken over", (_, holder) => {
  openDataFolder(path).close();
  writeFileSync(join(path, "lock"), JSON.stringify(holder()));
  const folder = openDataFolder(path);
  expect(JSON.parse(readFileSync(join(path, "lock"), "utf8")).pid).toBe(process.pid);
  folder.close();
});

test("another number of NATS nodes than before is refused", () => {
  const folder = openDataFolder(path);
  folder.keepNatsNodes(3);
  folder.keepNatsNodes(3);
  expect(() => folder.keepNatsNodes(1)).toThrow("use --nats 3, or another folder");
  folder.close();
});

test("a folder that cannot be is refused in words", () => {
  writeFileSync(path, "a file");
  expect(() => openDataFolder(path)).toThrow(
    /the data folder .* cannot be used .* choose another with --data/,
  );
  expect(() => openDataFolder(join(path, "below"))).toThrow(/cannot be used/);
});
