import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { metricSum } from "../measure/metrics.ts";
import { Child } from "./child.ts";
import type { Target } from "./target.ts";
import { removeFolder, tempFolder } from "./temp-folder.ts";

export type DisroomOptions = {
  readonly servers?: number;
  readonly workers?: number;
  readonly nats?: number;
  /** Whether what is stored is on the disk before it counts as stored. */
  readonly sync: boolean;
};

export type DisroomTarget = Target & {
  /** Addresses of the parts' HTTP ports, by part: `server-1`, `nats-1`... */
  readonly http: Readonly<Record<string, string>>;
  /** The sum of a metric over all servers or all workers. */
  sum(role: "server" | "worker", metric: string): Promise<number>;
};

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const startLimit = 120_000;

/** `disroom up --unlimited` on a free port, with new data. */
export async function startDisroom(options: DisroomOptions): Promise<DisroomTarget> {
  const { servers = 1, workers = 1, nats = 1, sync } = options;
  const folder = tempFolder();
  const parts = new Map<string, { pid: number; http?: string }>();
  let port: number | undefined;
  const child = new Child(
    process.execPath,
    [
      ...[main, "up", "--unlimited", "--port", "0", "--data", join(folder, "data")],
      ...["--servers", String(servers), "--workers", String(workers), "--nats", String(nats)],
      ...(sync ? [] : ["--no-sync"]),
    ],
    (line) => {
      const part = /^ {2}(\S+-\d+|redis) +(\d+) +(?:http:\/\/([^/]+)\/|-)/.exec(line);
      if (part?.[1] !== undefined)
        parts.set(part[1], { pid: Number(part[2]), ...(part[3] !== undefined && { http: part[3] }) });
      const ready = /^Ready: nc \S+ (\d+)$/.exec(line);
      if (ready !== null) port = Number(ready[1]);
    },
  );
  const stop = async (): Promise<void> => {
    await child.stop();
    removeFolder(folder);
  };
  try {
    const deadline = performance.now() + startLimit;
    while (port === undefined) {
      child.check();
      if (performance.now() > deadline) throw new Error("disroom up is not ready");
      await delay(20);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const all = [...parts];
  const http = Object.fromEntries(all.flatMap(([name, part]) => (part.http ? [[name, part.http]] : [])));
  return {
    protocol: "chat",
    host: "127.0.0.1",
    port,
    processes: {
      ...Object.fromEntries(all.map(([name, { pid }]) => [name === "server-1" ? "server" : name, pid])),
      up: child.pid,
    },
    http,
    async sum(role, metric) {
      const addresses = Object.entries(http).filter(([name]) => name.startsWith(`${role}-`));
      const sums = await Promise.all(addresses.map(([, address]) => metricSum(address, metric)));
      return sums.reduce((sum, value) => sum + value, 0);
    },
    stop,
  };
}
