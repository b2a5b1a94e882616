import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type NatsNode, natsConfig } from "../../src/cluster/nats-config.ts";
import { PartitionMismatch, provisionStreams } from "../../src/cluster/provision.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { findBinaries } from "../../src/local/binaries.ts";
import { freePorts } from "../../src/local/ports.ts";

const { natsServer } = findBinaries();
let folder: string;
let node: NatsNode;
let server: ChildProcess;
let connection: NatsConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "disroom-provision-"));
  const [port = 0, monitorPort = 0] = await freePorts(2);
  node = {
    name: "nats-1",
    host: "127.0.0.1",
    port,
    monitorPort,
    login: { user: "disroom", password: 'quote" back\\slash $1e5' },
    storeFolder: join(folder, 'a "store"'),
    storageBytes: 10_000_000_000,
    syncAlways: true,
  };
  await start();
});

afterAll(async () => {
  await kill();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<void> {
  server = spawn(natsServer, ["-c", write(natsConfig(node))], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: server.stderr ?? expect.fail() })) {
    if (line.endsWith("Server is ready")) break;
  }
  connection = await connect({ port: node.port, user: node.login.user, pass: node.login.password });
}

async function kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  await connection?.close();
  const gone = once(server, "exit");
  server.kill(signal);
  await gone;
}

beforeEach(async () => {
  const manager = await jetstreamManager(connection);
  for await (const name of manager.streams.names()) await manager.streams.delete(name);
});

const spec = (given: object = {}) =>
  checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "demo" },
    spec: {
      nats: { replicas: 1 },
      workers: { partitions: 4 },
      rooms: { retention: { maxBytes: "2Gi" } },
      ...given,
    },
  }).spec;

function write(config: string): string {
  const file = join(folder, "nats.conf");
  writeFileSync(file, config);
  return file;
}

/** nats-server's own opinion of a configuration. */
const check = (config: string, environment: Record<string, string> = {}): string =>
  execFileSync(natsServer, ["-t", "-c", write(config)], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
    stdio: "pipe",
  });

test("nats-server accepts the configuration of a node in a cluster, and would refuse an unknown option", () => {
  const login = { user: "routes", password: "p@ss/word:" };
  const cluster = { name: "demo", port: 6222, login, nodes: ["127.0.0.1:6222", "127.0.0.1:6223"] };
  const config = natsConfig({ ...node, name: { variable: "POD_NAME" }, cluster });
  expect(() => check(config, { POD_NAME: "demo-nats-0" })).not.toThrow();
  expect(() => check(config)).toThrow("POD_NAME");
  expect(() => check(`${natsConfig(node)}\nno_such_option: 1\n`)).toThrow("no_such_option");
});

test("streams and consumers are made once; what is right is not written again", async () => {
  const first = await provisionStreams(connection, spec());
  expect(first.created.toSorted()).toEqual([
    "ChatDeadLetters",
    "ChatIngress",
    "ChatRooms",
    "message-processor-0",
    "message-processor-1",
    "message-processor-2",
    "message-processor-3",
  ]);
  expect(await provisionStreams(connection, spec())).toEqual({ created: [], updated: [] });
});

test("what differs from the spec is changed, messages and the metadata of others stay", async () => {
  await provisionStreams(connection, spec());
  const manager = await jetstreamManager(connection);
  await manager.streams.update("ChatRooms", { metadata: { owner: "me" } });
  await manager.consumers.update("ChatIngress", "message-processor-2", { ack_wait: 60_000_000_000 });
  connection.publish("room.general", "hello");
  await connection.flush();

  const retention = { maxAge: "2h", maxBytes: "4Gi", maxMessagesPerRoom: 200 };
  const changed = await provisionStreams(connection, spec({ rooms: { retention, compression: true } }));
  expect(changed).toEqual({ created: [], updated: ["ChatRooms", "message-processor-2"] });
  const { config, state } = await manager.streams.info("ChatRooms");
  expect(config).toMatchObject({
    max_bytes: 4 * 2 ** 30,
    max_msgs_per_subject: 200,
    compression: "s2",
    metadata: { owner: "me" },
  });
  expect(state.messages).toBe(1);
});

test("another partition count is refused before anything is changed", async () => {
  await provisionStreams(connection, spec());
  const manager = await jetstreamManager(connection);
  const before = (await manager.streams.info("ChatRooms")).config;
  const retention = { maxBytes: "3Gi" };
  const refused = provisionStreams(connection, spec({ workers: { partitions: 8 }, rooms: { retention } }));
  await expect(refused).rejects.toThrow(PartitionMismatch);
  await expect(refused).rejects.toThrow("made with 4 partitions, the ChatCluster says 8");
  expect((await manager.streams.info("ChatRooms")).config).toEqual(before);
});

test("a consumer that a power failure has left out of step with its stream is made again, and hands out what waits", async () => {
  await provisionStreams(connection, spec());
  const queue = join(node.storeFolder, "jetstream", "$G", "streams", "ChatIngress");
  const earlier = join(folder, "earlier");
  const takeOne = async (): Promise<string | undefined> => {
    const consumer = await jetstream(connection).consumers.get("ChatIngress", "message-processor-1");
    const message = await consumer.next({ expires: 1000 });
    await message?.ackAck();
    return message?.string();
  };
  const publish = (text: string) => connection.request("room.global_messages.1", text);
  await publish("one");
  await kill();
  cpSync(join(queue, "msgs"), earlier, { recursive: true });
  await start();
  for (const text of ["two", "three"]) await publish(text);
  for (const text of ["one", "two", "three"]) expect(await takeOne()).toBe(text);
  await kill("SIGTERM");
  // What was synced of the messages is old, what was synced of the consumer is new.
  rmSync(join(queue, "msgs"), { recursive: true });
  cpSync(earlier, join(queue, "msgs"), { recursive: true });
  await start();
  await publish("four");
  expect(await takeOne()).toBe("four");
  expect(await takeOne()).toBeUndefined();
  expect((await provisionStreams(connection, spec())).created).toEqual(["message-processor-1"]);
  expect(await takeOne()).toBe("one");
  expect(await provisionStreams(connection, spec())).toEqual({ created: [], updated: [] });
});

test("a refusal names the stream", async () => {
  const storage = { size: "1000Gi" };
  const retention = { maxBytes: "900Gi" };
  await expect(
    provisionStreams(connection, spec({ nats: { replicas: 1, storage }, rooms: { retention } })),
  ).rejects.toThrow(/^stream ChatRooms: insufficient storage/);
});

test("a stored message is republished for those who listen live", async () => {
  await provisionStreams(connection, spec());
  const live = connection.subscribe("live.*", { max: 1 });
  connection.publish("room.general", "hello");
  for await (const message of live) {
    expect(message.subject).toBe("live.general");
    expect(message.string()).toBe("hello");
    expect(message.headers?.get("Nats-Sequence")).toBe("1");
  }
});
