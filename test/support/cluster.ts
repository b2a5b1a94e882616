import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from "../../src/local/cluster.ts";
import type { PortFor } from "../../src/local/parts.ts";
import type { Part, PartKind } from "../../src/local/supervisor.ts";
import type { Measured } from "../../src/scaling/lag-meter.ts";
import { ChatClient } from "./chat-client.ts";

export const welcome =
  "Welcome to the DisRoom\nAvailable commands: join <room_id>, send <message>, users, history, exit\n";

export type TestCluster = {
  readonly port: number;
  readonly natsUrl: string;
  /** The part of that name, `server-2` say. */
  part(name: string): Part;
  parts(kind: PartKind): Part[];
  /**
   * A client that has read the welcome; of the server with that name, if one is given, and then no other
   * client may be connecting meanwhile.
   */
  connect(server?: string): Promise<ChatClient>;
  /** A client that has joined a room and is listed there. */
  member(room: string, user: string, server?: string): Promise<ChatClient>;
  /** The value of a metric of a part: the sum of its samples that have these labels. */
  metric(part: string, name: string, labels?: Record<string, string>): Promise<number>;
  /** Measures its lag as `disroom up` does. */
  measureLag(): Promise<Measured>;
  /** Starts one more worker; done when it is ready. */
  addWorker(): Promise<Part>;
  /** Ends a worker at once, as if its machine were gone for good; done when its process is gone. */
  loseWorker(number: number): Promise<void>;
  /** Stops everything and starts it again with the same data. */
  restart(): Promise<void>;
};

export type TestClusterOptions = {
  /** What differs from one of each part. */
  readonly spec?: object;
  /** Environment of servers and workers. */
  readonly environment?: Record<string, string>;
  /** Where parts reach each other, in place of the ports that they listen on. */
  readonly portFor?: PortFor;
} & Pick<LocalClusterOptions, "roleCommand" | "scaling">;

/** Runs a cluster of real processes for all tests of a file, and removes it afterwards. */
export function runCluster({
  spec = {},
  environment = {},
  ...options
}: TestClusterOptions = {}): TestCluster {
  const cluster = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "test" },
    spec: {
      nats: { replicas: 1, storage: { size: "4Gi" } },
      rooms: { retention: { maxBytes: "2Gi" } },
      queue: { maxBytes: "256Mi" },
      server: { replicas: 1 },
      ...spec,
    },
  });
  let folder = "";
  let running: LocalCluster | undefined;

  const start = async (): Promise<void> => {
    running = await startLocalCluster({
      cluster,
      dataFolder: folder,
      port: 0,
      ...options,
    });
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "disroom-test-"));
    // Parts have the environment of this process, which is this test file's own.
    Object.assign(process.env, environment);
    await start();
  });
  afterAll(async () => {
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const now = (): LocalCluster => {
    if (running === undefined) throw new Error("the cluster does not run");
    return running;
  };
  const port = (): number => running?.port ?? 0;
  const part = (name: string): Part => {
    const found = running?.parts().find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const metric: TestCluster["metric"] = async (name, metricName, labels = {}) => {
    const answer = await fetch(`http://${part(name).http}/metrics`);
    return sampleSum(await answer.text(), metricName, labels);
  };
  const connect: TestCluster["connect"] = async (server) => {
    for (;;) {
      const before = server && (await metric(server, "disroom_connections_total"));
      const client = await ChatClient.connect(port());
      await client.reads(welcome);
      if (server === undefined) return client;
      // Servers share the port, and the system chooses.
      if ((await metric(server, "disroom_connections_total")) !== before) return client;
      client.close();
    }
  };
  return {
    get port() {
      return port();
    },
    get natsUrl() {
      return running?.natsUrl ?? "";
    },
    part,
    parts: (kind) => now().parts(kind),
    metric,
    connect,
    async member(room, user, server) {
      const client = await connect(server);
      client.type(`join ${room} ${user}`);
      await client.reads(`Joined room ${room} as ${user}\n`);
      // The answer shows that the others have been told.
      client.type("users");
      await client.line(/^Users in /);
      return client;
    },
    measureLag: () => now().measureLag(),
    addWorker: () => now().addWorker(),
    async loseWorker(number) {
      part(`worker-${number}`).kill();
      // It is not started again, since it was told to stop before it was seen to end.
      await now().stopWorker(number);
    },
    async restart() {
      await running?.stop();
      await start();
    },
  };
}

/** Reads Prometheus text. Throws when it has no metric of that name. */
function sampleSum(text: string, name: string, labels: Record<string, string>): number {
  if (!text.includes(`# TYPE ${name} `)) throw new Error(`there is no metric ${name}`);
  let sum = 0;
  for (const line of text.split("\n")) {
    const sample = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample?.[1] !== name) continue;
    const given = sample[2]?.split(",") ?? [];
    const matches = Object.entries(labels).every(([label, value]) => given.includes(`${label}="${value}"`));
    if (matches) sum += Number(sample[3]);
  }
  return sum;
}

let rooms = 0;

/** A room id that no other test of this file has. */
export const newRoom = (): string => `room-${++rooms}`;
