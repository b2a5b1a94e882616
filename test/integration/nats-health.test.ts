import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { setAside } from "../../src/chat/dead-letters.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { readNatsHealth } from "../../src/operator/nats-health.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { BusySender } from "../support/outcomes.ts";

/** What the operator reads of three NATS nodes, of which one and then two stand still. */
const given = {
  nats: { replicas: 3, storage: { size: "4Gi" }, syncAlways: false },
  rooms: { retention: { maxBytes: "2Gi" } },
  queue: { maxBytes: "256Mi" },
  server: { replicas: 1, limits: { messagesPerSecond: 0 } },
};
const cluster = runCluster({ spec: given });
const { spec } = checkChatCluster({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name: "test" },
  spec: given,
});
const patience = { milliseconds: 60_000, interval: 200 };

let connection: NatsConnection;
beforeAll(async () => {
  connection = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
});
const frozen = new Set<string>();
afterAll(async () => {
  for (const node of frozen) signal(node, "SIGCONT");
  await connection?.close();
});

function signal(node: string, name: "SIGSTOP" | "SIGCONT"): void {
  process.kill(cluster.part(node).pid ?? expect.fail(`${node} has no process`), name);
  if (name === "SIGSTOP") frozen.add(node);
  else frozen.delete(node);
}

const read = () => readNatsHealth(connection, spec);
const copies = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await read()).streams.map(({ name, replicasCurrent, replicasWanted }) => [
      name,
      `${replicasCurrent} of ${replicasWanted}`,
    ]),
  );
const all = (count: number) => ({
  ChatIngress: `${count} of 3`,
  ChatRooms: `${count} of 3`,
  ChatDeadLetters: `${count} of 3`,
});

test("three nodes: every copy is there; what is stored shows in bytes, what was set aside as dead letters", async () => {
  await eventually(async () => expect(await copies()).toEqual(all(3)), patience);
  const before = await read();
  expect(before).toMatchObject({ deadLetters: 0, storageLimitBytes: 3 * 4 * 2 ** 30 });
  expect(before.streams.map(({ limitBytes }) => limitBytes)).toEqual([256 * 2 ** 20, 2 ** 31, 64 * 2 ** 20]);

  const sender = new BusySender(await cluster.member("room", "alice"), "alice", 8);
  await eventually(() => sender.outcomes.count("stored") > 500, patience);
  await sender.stop();
  await setAside(connection, {
    origin: "queue",
    subject: "room.global_messages.0",
    sequence: 1,
    reason: "test",
    headers: undefined,
    payload: new Uint8Array(10),
  });
  await eventually(async () => {
    const { streams, storageBytes, deadLetters } = await read();
    const bytes = streams.map((stream) => stream.bytes ?? Number.NaN);
    expect(bytes[1]).toBeGreaterThan(500 * 20);
    // Three copies of each, all on the nodes by now.
    expect(storageBytes).toBe(3 * bytes.reduce((sum, each) => sum + each, 0));
    expect(deadLetters).toBe(1);
  }, patience);
});

test("a node that stands still has no current copies; without a second one nothing is known; both come back", async () => {
  // Only one that this connection does not talk to, nor a leader: who leads is another matter.
  const { port } = new URL(`nats://${connection.getServer()}`);
  const nodes = ["nats-1", "nats-2", "nats-3"];
  const ports = cluster.natsUrl.split(",").map((url) => new URL(url).port);
  const own = nodes[ports.indexOf(port)] ?? expect.fail("connected to an unknown node");
  const [first = "", second = ""] = nodes.filter((node) => node !== own);
  signal(first, "SIGSTOP");
  await eventually(async () => expect(await copies()).toEqual(all(2)), patience);
  signal(second, "SIGSTOP");
  await eventually(async () => expect(read()).rejects.toThrow(), patience);
  signal(second, "SIGCONT");
  await eventually(async () => expect(await copies()).toEqual(all(2)), patience);
  signal(first, "SIGCONT");
  await eventually(async () => expect(await copies()).toEqual(all(3)), patience);
});

test("a stream that is gone is not told of", async () => {
  await connection.request("$JS.API.STREAM.DELETE.ChatDeadLetters");
  const { streams, deadLetters } = await read();
  expect(streams.map(({ name }) => name)).toEqual(["ChatIngress", "ChatRooms"]);
  expect(deadLetters).toBeUndefined();
});
