import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startLocalCluster } from "../../src/local/cluster.ts";
import { defaultChatCluster } from "../../src/local/default-cluster.ts";
import type { RoleCommand } from "../../src/local/parts.ts";
import type { Part } from "../../src/local/supervisor.ts";
import { isRunning } from "../support/disroom-up.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-local-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const standIn: RoleCommand = (role) => [process.execPath, "test/support/stand-in-role.ts", role];
const start = (options: Partial<Parameters<typeof startLocalCluster>[0]> = {}) =>
  startLocalCluster({
    cluster: defaultChatCluster(),
    dataFolder: folder,
    port: 0,
    roleCommand: standIn,
    ...options,
  });
const names = (parts: readonly Part[]): string[] => parts.map(({ name }) => name);

test("servers and workers come and go while it runs", async () => {
  const cluster = await start();
  expect((await cluster.addServer()).name).toBe("server-2");
  const worker = await cluster.addWorker();
  expect(names(cluster.parts("worker"))).toEqual(["worker-1", "worker-2"]);
  expect((await fetch(`http://${worker.http}/readyz`)).status).toBe(200);

  await cluster.stopWorker(1);
  expect(names(cluster.parts("worker"))).toEqual(["worker-2"]);
  await expect(cluster.stopWorker(1)).rejects.toThrow("there is no worker-1");
  expect((await cluster.addWorker()).name).toBe("worker-3");

  const pids = cluster.parts().map(({ pid }) => pid ?? 0);
  await cluster.stop();
  expect(pids.filter(isRunning)).toEqual([]);
});

test("ports of NATS and Redis outlive their processes", async () => {
  const cluster = await start();
  const { natsUrl, redisUrl } = cluster;
  for (const kind of ["nats", "redis"] as const) {
    const [part] = cluster.parts(kind);
    const back = once(part?.events ?? expect.fail(), "ready");
    part?.kill();
    await back;
  }
  expect([cluster.natsUrl, cluster.redisUrl]).toEqual([natsUrl, redisUrl]);
  await cluster.stop();
});

test.each(["server", "worker"] as const)(
  "a %s that does not come up is named with the end of its log, and nothing is left",
  async (role) => {
    const parts: Part[] = [];
    const failing: RoleCommand = (name) =>
      name === role ? ["/bin/sh", "-c", "echo first; echo last words >&2; exit 3"] : standIn(name);
    const pids = new Set<number>();
    const failure = await start({
      roleCommand: failing,
      onPart: (part) => {
        parts.push(part);
        part.events.on("ready", () => pids.add(part.pid ?? 0));
      },
    }).catch((error: Error) => error.message);
    expect(failure).toMatch(
      new RegExp(`^${role}-1 ended with exit code 3; its last lines in .*${role}-1.log:`),
    );
    expect(failure).toContain("last words");
    expect(pids.size).toBeGreaterThanOrEqual(2);
    expect([...pids].filter(isRunning)).toEqual([]);
    // The folder is free again.
    await (await start()).stop();
  },
);

test("a program that cannot be started is said to be so", async () => {
  await expect(start({ roleCommand: () => [join(folder, "none")] })).rejects.toThrow(
    /^(server|worker)-1 could not be started: .*ENOENT/,
  );
});

test("a part that ignores SIGTERM is killed after its grace", async () => {
  const deaf: RoleCommand = (role) =>
    role === "worker"
      ? ["/bin/sh", "-c", `trap '' TERM; ${standIn(role).join(" ")} & wait; wait`]
      : standIn(role);
  const cluster = await start({ roleCommand: deaf });
  const [worker] = cluster.parts("worker");
  const pid = worker?.pid ?? expect.fail();
  await cluster.stop();
  expect(isRunning(pid)).toBe(false);
});
