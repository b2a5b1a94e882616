import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { findBinaries } from "../../src/local/binaries.ts";
import { freePorts } from "../../src/local/ports.ts";
import { Child } from "../targets/child.ts";
import { removeFolder, tempFolder } from "../targets/temp-folder.ts";

const script = (name: string): string =>
  readFileSync(new URL(`../../src/server/presence/${name}.lua`, import.meta.url), "utf8");

/**
 * Joins a second that Redis itself records: redis-benchmark, `clients` connections, unpipelined, one user's join
 * in each call of the script with which servers record joins.
 */
export async function redisJoinRate(clients: number, joins: number): Promise<number> {
  const [port = 0] = await freePorts(1);
  const folder = tempFolder();
  const server = new Child(findBinaries().redisServer, [
    ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder],
    ...["--save", "", "--appendonly", "no", "--maxclients", String(clients + 100)],
  ]);
  const redis = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: () => 50 });
  redis.on("error", () => {});
  try {
    await untilAnswers(redis, server);
    const sha = String(await redis.script("LOAD", script("room-users") + script("record")));
    await redis.set("lease", "1");
    const join = ["joined", "room", "user-__rand_int__", "session", "1"];
    const { stdout } = await promisify(execFile)("redis-benchmark", [
      ...["-h", "127.0.0.1", "-p", String(port), "-c", String(clients), "-n", String(joins), "--csv"],
      // As good as never the same user twice.
      ...["-r", "1000000000"],
      ...["EVALSHA", sha, "2", "lease", "holdings", "1", ...join],
    ]);
    const rate = Number(/","([\d.]+)"/.exec(stdout.split("\n").at(-2) ?? "")?.[1]);
    const recorded = await redis.scard("room:room:users");
    if (!(recorded > joins * 0.99)) throw new Error(`redis-benchmark recorded ${recorded} of ${joins} joins`);
    return rate;
  } finally {
    redis.disconnect();
    await server.stop();
    removeFolder(folder);
  }
}

async function untilAnswers(redis: Redis, server: Child): Promise<void> {
  for (;;) {
    server.check();
    try {
      if (redis.status === "wait") await redis.connect();
      await redis.ping();
      return;
    } catch {
      await delay(50);
    }
  }
}
