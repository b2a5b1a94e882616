import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deadLetterStream, ingressStream, roomsStream } from "../../src/chat/subjects.ts";
import { generateCredentials } from "../../src/cluster/credentials.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { freePorts } from "../../src/local/ports.ts";
import { type ProvidedNats, provideNats } from "../../src/operator/nats/provide.ts";
import type { StoredChatCluster } from "../../src/operator/resources/options.ts";
import { createLog } from "../../src/platform/log.ts";
import { closing, connectNats } from "../../src/platform/nats.ts";
import { BusyRoom } from "../support/busy-room.ts";
import { ChatClient } from "../support/chat-client.ts";
import { newRoom, welcome } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { NatsPods } from "../support/nats-pods.ts";
import { type RoleProcess, startRole } from "../support/role-process.ts";

/** NATS nodes become more, and come back without their volume, while people chat: what the operator does to them. */
const credentials = generateCredentials();
const never = new AbortController().signal;
const patience = { milliseconds: 60_000, interval: 100 };
const allStreams = [roomsStream, ingressStream, deadLetterStream];

/** With as many nodes. */
const clusterOf = (replicas: number, copies?: number): StoredChatCluster => {
  const cluster = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "grows", namespace: "chat", uid: "6b1c3a52-0a54-4c2e-9d3a-1f0d4a1f7c11" },
    spec: { nats: { replicas }, ...(copies !== undefined && { rooms: { replicas: copies } }) },
  });
  return cluster as StoredChatCluster;
};

let pods: NatsPods;
const roles: RoleProcess[] = [];
let chatPort = 0;

beforeAll(async () => {
  pods = await NatsPods.of(clusterOf(1), credentials, 5);
  await pods.start(0, { nodes: 1, mayFound: true });
  await pods.becomesHealthy(0);
  await settled(clusterOf(1));
  [chatPort = 0] = await freePorts(1);
  const environment = {
    DISROOM_NATS_URL: pods.url,
    // Nobody is there: people chat without lists.
    DISROOM_REDIS_URL: "redis://127.0.0.1:1",
    DISROOM_MESSAGES_PER_SECOND: "0",
    DISROOM_LOG_LEVEL: "info",
  };
  for (const _ of ["worker-1", "worker-2"]) roles.push(await startRole("worker", environment));
  roles.push(await startRole("server", { ...environment, DISROOM_PORT: String(chatPort) }));
});
afterAll(async () => {
  await Promise.all(roles.map((role) => role.stop()));
  await pods?.stop();
});

/** Does what there is to do until nothing is left, as the operator does; what came of it all. */
async function settled(cluster: StoredChatCluster, by = 0): Promise<ProvidedNats> {
  const removed: string[] = [];
  const last = await eventually(async () => {
    const provided = await provideNats(cluster, credentials, never, pods.addressOf(by));
    removed.push(...provided.removed);
    return provided.isSettled && provided;
  }, patience);
  return { ...last, removed };
}

async function copiesOf(streams: readonly string[]): Promise<number[]> {
  const connection = await connectNats(pods.url, "test", createLog("test", "silent"));
  return closing(connection, never, async () => {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const copies = [];
    for (const stream of streams) copies.push((await manager.streams.info(stream)).config.num_replicas);
    return copies;
  });
}

/** People who send all the time while `work` is done. */
async function underLoad(work: () => Promise<void>): Promise<void> {
  const name = newRoom();
  const members: Record<string, ChatClient> = {};
  for (const user of ["alice", "bob", "carol"]) {
    const client = await ChatClient.connect(chatPort);
    await client.reads(welcome);
    client.type(`join ${name} ${user}`);
    await client.line(`Joined room ${name} as ${user}`);
    members[user] = client;
  }
  const room = new BusyRoom(name, members, 4);
  await work();
  // All go on after it.
  const before = room.stored();
  await eventually(() => room.stored().every((count, index) => count > (before[index] ?? 0) + 8), patience);
  await room.stop();
  await room.isWhole(pods.url);
}

test("a node that is alone comes back by itself, with its messages", async () => {
  await underLoad(async () => {
    await pods.kill(0);
    await pods.start(0, { nodes: 1, mayFound: true });
    await pods.becomesHealthy(0);
    expect(await settled(clusterOf(1))).toMatchObject({ members: 1, created: [], removed: [] });
  });
});

test("one becomes three: nothing is lost, doubled or swapped, and every stream has three copies", async () => {
  await underLoad(async () => {
    await Promise.all([1, 2].map((pod) => pods.start(pod, { nodes: 3, mayFound: false })));
    expect(await settled(clusterOf(3))).toMatchObject({ members: 3, removed: [] });
    expect(await copiesOf(allStreams)).toEqual([3, 3, 3]);
  });
});

test("a node that lost its volume comes back as another, and the vote that it had is gone", async () => {
  await underLoad(async () => {
    await pods.kill(0);
    pods.loseVolume(0);
    await pods.start(0, { nodes: 3, mayFound: false });
    const { members, removed } = await settled(clusterOf(3), 1);
    expect(members).toBe(3);
    expect(removed).toEqual(["grows-nats-0-6b1c3a52"]);
    // With the vote of the old one still counted, two that are left would be too few.
    await pods.kill(1);
  });
  await pods.start(1, { nodes: 3, mayFound: false });
  await settled(clusterOf(3), 2);
});

test("after all were stopped, one that comes back later than the others still has its vote", async () => {
  await Promise.all([0, 1, 2].map((pod) => pods.kill(pod)));
  await Promise.all([0, 1].map((pod) => pods.start(pod, { nodes: 3, mayFound: false })));
  const { removed, members, present } = await eventually(
    () => provideNats(clusterOf(3), credentials, never, pods.addressOf(0)),
    patience,
  );
  expect({ removed, members, present }).toEqual({ removed: [], members: 3, present: 2 });
  await pods.start(2, { nodes: 3, mayFound: false });
  expect(await settled(clusterOf(3), 2)).toMatchObject({ members: 3, removed: [] });
});

test("three become five, and then hold five copies", async () => {
  await underLoad(async () => {
    await Promise.all([3, 4].map((pod) => pods.start(pod, { nodes: 5, mayFound: false })));
    expect(await settled(clusterOf(5, 5))).toMatchObject({ members: 5, removed: [] });
    expect(await copiesOf(allStreams)).toEqual([5, 5, 5]);
  });
});
