import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Audit, isWrite, requestsOf } from "../../../bench/operator/audit.ts";

const folder = mkdtempSync(join(tmpdir(), "disroom-audit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const times = {
  requestReceivedTimestamp: "2026-01-01T00:00:00.123456Z",
  stageTimestamp: "2026-01-01T00:00:00.500000Z",
};
const event = (verb: string, resource: string, more: object = {}): string =>
  `${JSON.stringify({ stage: "ResponseComplete", verb, requestURI: "/", objectRef: { resource }, ...times, ...more })}\n`;

test("tells an apply from another patch, and a subresource from its object", () => {
  const lines = [
    event("patch", "deployments", { requestURI: "/x?fieldManager=disroom-operator&force=true" }),
    event("patch", "leases", { requestURI: "/x?fieldManager=disroom-operator" }),
    event("patch", "chatclusters", {
      requestURI: "/x?force=true",
      objectRef: { resource: "chatclusters", subresource: "status" },
    }),
  ];
  expect(requestsOf(lines.join(""))).toMatchObject([
    { verb: "apply", resource: "deployments" },
    { verb: "patch", resource: "leases" },
    { verb: "apply", resource: "chatclusters/status" },
  ]);
});

test("tells which object, and when", () => {
  const objectRef = { resource: "deployments", namespace: "chat", name: "demo-server" };
  expect(requestsOf(event("patch", "", { objectRef, requestURI: "/x?force=true" }))).toEqual([
    {
      ...{ verb: "apply", resource: "deployments", object: "chat/demo-server" },
      receivedAt: Date.parse("2026-01-01T00:00:00.123Z"),
      answeredAt: Date.parse("2026-01-01T00:00:00.5Z"),
    },
  ]);
  expect(requestsOf(event("list", "pods"))).toMatchObject([{ object: "" }]);
});

test("a watch counts once, when it is opened", () => {
  const opened = event("watch", "pods", { stage: "ResponseStarted" });
  expect(requestsOf(opened)).toMatchObject([{ verb: "watch", resource: "pods" }]);
  expect(requestsOf(event("watch", "pods"))).toEqual([]);
});

test("what changes anything but the Lease is a write", () => {
  const writes = ["get", "list", "watch", "create", "apply", "patch", "delete"].filter((verb) =>
    isWrite({ verb, resource: "events" }),
  );
  expect(writes).toEqual(["create", "apply", "patch", "delete"]);
  expect(isWrite({ verb: "patch", resource: "leases" })).toBe(false);
});

test("a log is read on while it is written, each line once, half a line when it is whole", () => {
  const file = join(folder, "audit.log");
  const second = event("list", "pods");
  writeFileSync(file, event("get", "leases") + second.slice(0, 20));
  const audit = new Audit(file);
  expect(audit.next()).toMatchObject([{ verb: "get", resource: "leases" }]);
  expect(audit.next()).toEqual([]);
  appendFileSync(file, second.slice(20));
  expect(audit.next()).toMatchObject([{ verb: "list", resource: "pods" }]);
});
