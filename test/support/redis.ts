import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { eventually } from "./eventually.ts";

export type TestRedis = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Stops the process and removes its folder. */
  stop(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Stands still: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Starts on the same port, killing the process if it runs, with what a SAVE has kept. */
  restart(): Promise<void>;
  /** Likewise, without any data. */
  restartEmpty(): Promise<void>;
};

const running = new Set<TestRedis>();

// Whatever a test leaves behind, also a failed one.
afterAll(async () => {
  await Promise.all([...running].map((redis) => redis.stop()));
});

/** Starts a redis-server on a free port of 127.0.0.1, which keeps nothing on disk by itself. */
export async function startRedis({ password = "" } = {}): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "disroom-redis-"));
  const port = await freePort();
  let child = await launch(folder, port, password);

  const redis: TestRedis = {
    url: `redis://${password && `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid as number;
    },
    async kill() {
      await end(child);
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    async restart() {
      await end(child);
      child = await launch(folder, port, password);
    },
    async restartEmpty() {
      await end(child);
      await rm(join(folder, "dump.rdb"), { force: true });
      child = await launch(folder, port, password);
    },
    async stop() {
      running.delete(redis);
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
  running.add(redis);
  return redis;
}

export type Link = {
  readonly url: string;
  /** Redis goes on doing what it is asked, but its answers get lost on the connections of now. */
  loseAnswers(): void;
  /** Breaks the connections of now. */
  cut(): void;
  /** Breaks the connections and lets no new one through until `unblock`. */
  block(): void;
  unblock(): void;
  close(): void;
};

/** A way to Redis that can be disturbed. */
export async function startLink(redis: TestRedis): Promise<Link> {
  const pairs = new Set<{ near: Socket; far: Socket }>();
  let blocked = false;
  const listener = createServer((near) => {
    if (blocked) {
      near.destroy();
      return;
    }
    const far = connect(redis.port, "127.0.0.1");
    const pair = { near, far };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.setNoDelay(true).on("error", end).on("close", end);
    near.pipe(far);
    far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const cut = (): void => {
    for (const { near } of [...pairs]) near.destroy();
  };
  const { port } = listener.address() as AddressInfo;
  return {
    url: redis.url.replace(`:${redis.port}`, `:${port}`),
    loseAnswers() {
      for (const { near, far } of pairs) far.unpipe(near).resume();
    },
    cut,
    block() {
      blocked = true;
      cut();
    },
    unblock() {
      blocked = false;
    },
    close() {
      listener.close();
      cut();
    },
  };
}

async function launch(folder: string, port: number, password: string): Promise<ChildProcess> {
  const args = [
    "--bind",
    "127.0.0.1",
    "--port",
    `${port}`,
    "--dir",
    folder,
    "--save",
    "",
    "--appendonly",
    "no",
  ];
  if (password !== "") args.push("--requirepass", password);
  const [command = "", ...rest] = [...dieWithParent(), "redis-server", ...args];
  const child = spawn(command, rest, { stdio: "ignore" });
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  await once(child, "spawn");
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`redis-server ended with code ${child.exitCode}`);
    return answers(port);
  });
  return child;
}

/** On Linux the kernel ends the server when the test process is killed. It keeps the process id. */
function dieWithParent(): string[] {
  return existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"] : [];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Any answer will do: a server with a password answers -NOAUTH. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
