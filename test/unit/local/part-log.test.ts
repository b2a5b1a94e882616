import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PartLog } from "../../../src/local/part-log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-part-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("a full log becomes the old one, and the old one before it goes", () => {
  const log = new PartLog(join(folder, "redis.log"), 30);
  for (let number = 10; number < 20; number++) log.write(`line ${number}`);
  log.close();
  expect(read("redis.log.old")).toBe("line 14\nline 15\nline 16\nline 17\n");
  expect(read("redis.log")).toBe("line 18\nline 19\n");
  expect(readdirSync(folder)).toHaveLength(2);
});

test("a log goes on where the last run ended", () => {
  for (const line of ["first", "second"]) {
    const log = new PartLog(join(folder, "redis.log"));
    log.write(line);
    log.close();
  }
  expect(read("redis.log")).toBe("first\nsecond\n");
});

test("the last lines are at hand, whether they could be written or not", () => {
  const log = new PartLog(join(folder, "missing", "redis.log"));
  for (let number = 0; number < 100; number++) log.write(`line ${number}`);
  expect(log.tail(2)).toEqual(["line 98", "line 99"]);
});
