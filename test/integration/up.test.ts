import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRunning, startUp, type Up } from "../support/disroom-up.ts";
import { eventually } from "../support/eventually.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-up-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const data = (): string => join(folder, "data");
const up = (...args: string[]): Up => startUp(["--data", data(), "--port", "0", ...args]);

async function ready(cluster: Up): Promise<number> {
  const [, port] = await cluster.line(/^Ready: nc 127\.0\.0\.1 (\d+)$/);
  return Number(port);
}

async function stop(cluster: Up, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  cluster.process.kill(signal);
  expect(await cluster.exitCode).toBe(0);
}

/** Types lines into a chat connection, and gives all that came back once `until` or an error did. */
async function chat(port: number, typed: string, until: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("utf8").on("data", (text) => {
    answer += text;
  });
  socket.write(typed);
  await eventually(() => answer.includes(until) || answer.includes("Error:"));
  socket.destroy();
  expect(answer).toContain(until);
  return answer;
}

async function oneLineOf(cluster: Up): Promise<string> {
  expect(await cluster.exitCode).toBe(1);
  expect(cluster.lines).toHaveLength(1);
  return cluster.lines[0] ?? "";
}

describe("disroom up", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "runs every part, and %s stops them all, servers first",
    async (signal) => {
      const cluster = up("--servers", "2");
      const port = await ready(cluster);
      await chat(port, "join r alice\nsend hello\n", "] alice: hello");
      const pids = cluster.pids();
      expect([...pids.keys()].toSorted()).toEqual(["nats-1", "redis", "server-1", "server-2", "worker-1"]);
      expect([...pids.values()].every(isRunning)).toBe(true);

      await stop(cluster, signal);
      expect([...pids.values()].filter(isRunning)).toEqual([]);
      expect(cluster.lines.slice(-2)).toEqual(["Stopping (again to stop at once)", "Stopped"]);
    },
  );

  test("its parts end with it even when it is killed, and another can use the folder then", async () => {
    const cluster = up();
    await ready(cluster);
    const pids = [...cluster.pids().values()];
    cluster.process.kill("SIGKILL");
    await cluster.exitCode;
    await eventually(() => !pids.some(isRunning));

    const next = up();
    await ready(next);
    await stop(next);
  });

  test("a second signal ends everything at once", async () => {
    const cluster = up();
    await ready(cluster);
    const pids = [...cluster.pids().values()];
    // A server that does not stop by itself.
    process.kill(cluster.pids().get("server-1") ?? 0, "SIGSTOP");
    cluster.process.kill("SIGINT");
    await cluster.line(/^Stopping/);
    cluster.process.kill("SIGINT");
    expect(await cluster.exitCode).toBe(130);
    await eventually(() => !pids.some(isRunning));
  });

  test("a signal while it starts stops what has been started", async () => {
    const cluster = up();
    await cluster.line(/^nats-1 is ready/);
    await stop(cluster);
    expect(cluster.lines.at(-1)).toBe("Stopped");
  });

  test("a part that dies is started again, and the chat goes on", async () => {
    const cluster = up();
    const port = await ready(cluster);
    await chat(port, "join r alice\nsend before\n", "] alice: before");
    for (const name of ["server-1", "worker-1", "redis", "nats-1"]) {
      process.kill(cluster.pids().get(name) ?? 0, "SIGKILL");
      await cluster.line(new RegExp(`^${name} was killed \\(SIGKILL\\); starting it again in 0\\.2 s$`));
      await cluster.line(new RegExp(`^${name} is back, process \\d+$`));
    }
    // Servers may take a moment to find NATS again.
    await eventually(() => chat(port, "join r bob\nsend after\n", "] bob: after"), { milliseconds: 30_000 });
    await chat(port, "join r bob\nhistory\n", "] alice: before");
    await stop(cluster);
  });

  test("a restart keeps the history; other partitions or NATS nodes are refused", async () => {
    const first = up();
    await chat(await ready(first), "join r alice\nsend kept\n", "] alice: kept");
    await stop(first);

    const file = join(folder, "eight.yaml");
    writeFileSync(
      file,
      "apiVersion: disroom.io/v1alpha1\nkind: ChatCluster\nmetadata: { name: eight }\n" +
        "spec: { nats: { replicas: 1 }, workers: { partitions: 8 } }\n",
    );
    const other = up("-f", file);
    expect(await other.exitCode).toBe(1);
    expect(other.lines.at(-1)).toMatch(/made with 4 partitions, the ChatCluster says 8/);

    expect(await oneLineOf(up("--nats", "3"))).toMatch(/stored with --nats 1, not 3; use --nats 1/);

    const second = up();
    expect(await chat(await ready(second), "join r bob\nhistory\n", "alice: kept")).toContain("Welcome");
    await stop(second);
  });

  test("three NATS nodes and a file", async () => {
    const cluster = up("-f", "examples/minimal.yaml", "--servers", "1");
    await chat(await ready(cluster), "join r alice\nsend hello\n", "] alice: hello");
    expect([...cluster.pids().keys()].filter((name) => name.startsWith("nats"))).toHaveLength(3);
    const config = readFileSync(join(data(), "nats-2.conf"), "utf8");
    expect(config).toContain("max_file_store: 10737418240");
    expect(config).toContain("sync_interval: always");
    await stop(cluster);
  });

  test("a whole ChatCluster, and which of its fields mean nothing here", async () => {
    const cluster = up("-f", "examples/chatcluster.yaml", "--nats", "1", "--servers", "1", "--workers", "1");
    await ready(cluster);
    expect(cluster.lines).toContain(
      "Of no effect on one machine: spec.image, spec.nats.resources, spec.nats.pod, spec.redis.resources, " +
        "spec.server.service, spec.server.resources, spec.workers.resources, spec.monitoring",
    );
    await stop(cluster);
  });

  test("no password is on a command line", async () => {
    const cluster = up();
    await ready(cluster);
    const passwords = Object.values(JSON.parse(readFileSync(join(data(), "credentials.json"), "utf8")));
    for (const pid of cluster.pids().values()) {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      for (const password of passwords) expect(commandLine).not.toContain(password);
    }
    await stop(cluster);
  });
});

describe("disroom up says in one line what is wrong, and leaves nothing running", () => {
  test("a folder that another uses", async () => {
    const first = up();
    await ready(first);
    const line = await oneLineOf(up());
    expect(line).toMatch(/^disroom: the data folder .* is in use by process (\d+)/);
    expect(line).toContain(`process ${first.process.pid};`);
    await stop(first);
  });

  test("a chat port that is in use, also by one that shares it", async () => {
    const server = createServer().listen({ port: 0, host: "127.0.0.1", reusePort: true });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const line = await oneLineOf(startUp(["--data", data(), "--port", `${port}`]));
    expect(line).toBe(
      `disroom: port ${port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port`,
    );
    server.close();
  });

  test("a folder that cannot be written", async () => {
    writeFileSync(data(), "a file");
    expect(await oneLineOf(up())).toMatch(/^disroom: the data folder .* cannot be used/);
  });

  test("a mistake in the file, and no file", async () => {
    const file = join(folder, "chatcluster.yaml");
    writeFileSync(
      file,
      "apiVersion: disroom.io/v1alpha1\nkind: ChatCluster\nmetadata: { name: a }\nspec: { queu: 1 }\n",
    );
    expect(await oneLineOf(up("-f", file))).toBe(
      "disroom: chatcluster.yaml: spec.queu: is no field of a ChatCluster; did you mean queue?",
    );
    expect(await oneLineOf(up("-f", join(folder, "none.yaml")))).toMatch(
      /^disroom: cannot read .*none\.yaml/,
    );
  });

  test("an unknown flag", async () => {
    expect(await oneLineOf(up("--server", "2"))).toContain("--server");
  });

  test("a program that is missing", async () => {
    const cluster = startUp(["--data", data()], { PATH: folder, XDG_CACHE_HOME: folder });
    expect(await oneLineOf(cluster)).toMatch(/^disroom: nats-server .* is missing/);
  });

  test("an address that this machine does not have", async () => {
    expect(await oneLineOf(up("--host", "192.0.2.1"))).toMatch(/^disroom: cannot listen on 192\.0\.2\.1/);
  });
});
