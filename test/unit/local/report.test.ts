import { expect, test } from "vitest";
import { partTable } from "../../../src/local/report.ts";
import { warningIn } from "../../../src/local/role-log.ts";
import { columns } from "../../../src/platform/columns.ts";

test("warnings and errors of a role are told with their reason, all else is not", () => {
  expect(warningIn('{"level":40,"msg":"no answer"}')).toBe("no answer");
  expect(warningIn('{"level":50,"msg":"cannot store","err":{"message":"disk full"}}')).toBe(
    "cannot store (disk full)",
  );
  expect(warningIn('{"level":30,"msg":"listening"}')).toBeUndefined();
  expect(warningIn("[WRN] not a role's line")).toBeUndefined();
  expect(warningIn('{"level":40,')).toBeUndefined();
});

test("the table of parts", () => {
  const rows = partTable([
    { name: "nats-1", pid: 7, http: "127.0.0.1:8222" },
    { name: "redis", pid: 12_345, http: undefined },
    { name: "server-1", pid: undefined, http: "127.0.0.1:9090" },
  ]);
  expect(rows).toEqual([
    "  part      process  metrics",
    "  nats-1    7        http://127.0.0.1:8222/varz",
    "  redis     12345    -",
    "  server-1  -        http://127.0.0.1:9090/metrics",
  ]);
});

test("columns are as wide as their widest cell", () => {
  expect(
    columns([
      ["a", "bbb", "c"],
      ["aaaa", "b", ""],
    ]),
  ).toEqual(["a     bbb  c", "aaaa  b"]);
});
