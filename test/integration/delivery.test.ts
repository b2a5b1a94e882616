import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runChatLoad } from "../../bench/load/chat-load.ts";
import { type LocalCluster, startLocalCluster } from "../../src/local/cluster.ts";
import { defaultChatCluster } from "../../src/local/default-cluster.ts";

let folder: string;
let cluster: LocalCluster;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "disroom-delivery-"));
  const wanted = structuredClone(defaultChatCluster());
  wanted.spec.server.replicas = 2;
  wanted.spec.workers.minReplicas = 3;
  wanted.spec.server.limits.messagesPerSecond = 0;
  // What is looked at here is order, not what a power failure leaves.
  wanted.spec.nats.syncAlways = false;
  cluster = await startLocalCluster({ cluster: wanted, dataFolder: folder, port: 0 });
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const metric = async (http: string | undefined, name: string): Promise<number> => {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1]);
};
const sumOf = async (kind: "server" | "worker", name: string): Promise<number> => {
  const values = await Promise.all(cluster.parts(kind).map(({ http }) => metric(http, name)));
  return values.reduce((sum, value) => sum + value, 0);
};

test("50 rooms over two servers and three workers: every member gets every message once, in one order", async () => {
  const result = await runChatLoad({
    host: "127.0.0.1",
    port: cluster.port,
    rooms: 50,
    membersPerRoom: 6,
    sendersPerRoom: 4,
    window: 8,
    messageBytes: 64,
    messagesPerSender: 100,
    prefix: "steady",
  });
  expect(result.faults).toEqual([]);
  expect(result.messages).toBe(50 * 4 * 100);
  expect(result.deliveries).toBe(50 * 6 * 4 * 100);
  // Both servers took a share, and all that was accepted is stored.
  for (const { http } of cluster.parts("server")) {
    expect(await metric(http, "disroom_messages_accepted_total")).toBeGreaterThan(0);
  }
  const accepted = await sumOf("server", "disroom_messages_accepted_total");
  expect(await sumOf("server", "disroom_messages_stored_total")).toBe(accepted);
  expect(await sumOf("worker", "disroom_worker_messages_stored_total")).toBe(accepted);
});

test("workers come and go under load: still once, and in order", async () => {
  let over = false;
  const load = runChatLoad({
    host: "127.0.0.1",
    port: cluster.port,
    rooms: 50,
    membersPerRoom: 6,
    sendersPerRoom: 4,
    window: 8,
    messageBytes: 64,
    messagesPerSender: 200,
    prefix: "moving",
  }).finally(() => {
    over = true;
  });
  let changes = 0;
  while (!over) {
    const added = await cluster.addWorker();
    const [oldest] = cluster.parts("worker");
    await cluster.stopWorker(Number(oldest?.name.split("-")[1]));
    expect(added.pid).toBeDefined();
    changes++;
  }
  const result = await load;
  expect(result.faults).toEqual([]);
  expect(result.deliveries).toBe(50 * 6 * 4 * 200);
  expect(changes).toBeGreaterThan(0);
});
