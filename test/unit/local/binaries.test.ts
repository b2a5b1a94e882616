import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findBinaries } from "../../../src/local/binaries.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-binaries-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(path: string, prints: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho '${prints}'\n`);
  chmodSync(file, 0o755);
  return file;
}
const find = () =>
  findBinaries({ PATH: `${folder}/first:${folder}/second`, XDG_CACHE_HOME: join(folder, "cache") });

test("the PATH comes first, but an nats-server that is too old is passed over", () => {
  const redisServer = program("second/redis-server", "");
  program("first/nats-server", "nats-server: v2.13.9");
  const natsServer = program("second/nats-server", "nats-server: v2.14.0");
  program("cache/disroom/bin/nats-server", "nats-server: v2.15.2");
  expect(find()).toEqual({ natsServer, redisServer });
});

test("what `make setup` has put into the cache is found", () => {
  program("first/nats-server", "nats-server: v2.9.25");
  const natsServer = program("cache/disroom/bin/nats-server", "nats-server: v3.0.1");
  const redisServer = program("cache/disroom/bin/redis-server", "");
  expect(find()).toEqual({ natsServer, redisServer });
});

test("what is missing is named, with what to do", () => {
  expect(find).toThrow(/^nats-server 2\.14\.0 or newer is missing; `make setup`/);
  program("first/nats-server", "nats-server: v2.15.2");
  expect(find).toThrow(/^redis-server is missing; `make setup`/);
});
