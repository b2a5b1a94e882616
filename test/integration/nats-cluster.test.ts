import { once } from "node:events";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { partitionOf } from "../../src/chat/partition.ts";
import { RoomLog } from "../../src/chat/room-log.ts";
import { consumerName, ingressStream, roomsStream } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { BusySender } from "../support/outcomes.ts";
import { logged, partitions } from "../support/producer.ts";

/** What members notice when NATS nodes change their roles, stand still, or are gone: three nodes, streams on all. */
const nodes = ["nats-1", "nats-2", "nats-3"];
const servers = ["server-1", "server-2"] as const;
const cluster = runCluster({
  spec: {
    // What is looked at here is not what a power failure leaves.
    nats: { replicas: nodes.length, storage: { size: "4Gi" }, syncAlways: false },
    server: { replicas: servers.length, limits: { messagesPerSecond: 50 } },
    workers: { minReplicas: 2 },
  },
});
/** How many messages of a sender wait for their outcome. */
const open = 4;
/** How long an election and finding another node may take, in milliseconds. */
const patience = { milliseconds: 60_000, interval: 50 };

let nats: NatsConnection;
let jetstream: JetStreamManager;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
  jetstream = await jetstreamManager(nats, { checkAPI: false, timeout: 2000 });
});
afterAll(() => nats?.close());
beforeEach(() => eventually(async () => (await healthy(nodes)).length === nodes.length, patience));

const monitoring = async (node: string, path: string) => {
  const answer = await fetch(`http://${cluster.part(node).http}${path}`, {
    signal: AbortSignal.timeout(2000),
  });
  return { ok: answer.ok, body: await answer.json() };
};

/** Nodes that have all that they are to have. */
async function healthy(of: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const node of of) if ((await monitoring(node, "/healthz")).ok) found.push(node);
  return found;
}

/** How many servers and workers are connected to a node. */
async function connectedTo(node: string): Promise<{ server: number; worker: number }> {
  const { body } = await monitoring(node, "/connz");
  const { connections } = body as { connections: { name?: string }[] };
  const count = (role: string) => connections.filter(({ name }) => name === `disroom ${role}`).length;
  return { server: count("server"), worker: count("worker") };
}

const signal = (node: string, name: NodeJS.Signals): void => {
  process.kill(cluster.part(node).pid ?? expect.fail(`${node} has no process`), name);
};

/** A room in which two members of each server send all the time. */
async function busyRoom() {
  const room = newRoom();
  const names = servers.flatMap((server) => [1, 2].map((number) => [`${server}.${number}`, server] as const));
  const members = [];
  for (const [user, server] of names)
    members.push({ user, client: await cluster.member(room, user, server) });
  const senders = members.map(({ user, client }) => new BusySender(client, user, open));
  const goesOn = async (): Promise<void> => {
    const before = senders.map(({ outcomes }) => outcomes.count("stored"));
    const isMore = (sender: BusySender, index: number): boolean =>
      sender.outcomes.count("stored") >= (before[index] ?? 0) + 8;
    await eventually(() => senders.every(isMore), patience);
  };
  await goesOn();
  return {
    room,
    senders,
    /** Every sender sees some more of its messages come back. */
    goesOn,
    /** Ends it, and compares what each has sent and read with the room's log. */
    async check(): Promise<void> {
      await Promise.all(senders.map((sender) => sender.stop()));
      const echoed = senders.flatMap(({ sent, outcomes: { told } }) =>
        sent.filter((text) => told.get(text) === "stored"),
      );
      // Any replica may answer, and one that was away has to catch up first.
      await eventually(async () => expect(await healthy(nodes)).toEqual(nodes), patience);
      const log = await eventually(async () => {
        const texts = await logged(new RoomLog(nats, jetstream), room);
        expect(texts).toEqual(expect.arrayContaining(echoed));
        return texts;
      }, patience);
      expect(new Set(log).size).toBe(log.length);
      for (const {
        user,
        client,
        sent,
        outcomes: { told },
      } of senders) {
        expect(client.isOver, `the connection of ${user}`).toBe(false);
        const own = log.filter((text) => text.startsWith(`${user} `));
        expect(own).toEqual(sent.filter((text) => own.includes(text)));
        expect(sent.filter((text) => !told.has(text))).toEqual([]);
        expect(own.filter((text) => told.get(text) === "not stored")).toEqual([]);
        await eventually(
          () =>
            expect([...client.text.matchAll(/^\[.{8}\] \S+: (.*)$/gm)].map(([, text]) => text)).toEqual(log),
          patience,
        );
      }
    },
  };
}

const outcomesIn = ({ senders }: Awaited<ReturnType<typeof busyRoom>>) =>
  new Set(senders.flatMap(({ outcomes }) => [...outcomes.told.values()]));

/** Freezes nodes until `work` is done. */
async function frozen(which: readonly string[], work: () => Promise<void>): Promise<void> {
  for (const node of which) signal(node, "SIGSTOP");
  try {
    await work();
  } finally {
    for (const node of which) signal(node, "SIGCONT");
  }
}

test("leaders that change lose nothing, double nothing and keep the order", async () => {
  const busy = await busyRoom();
  const consumer = consumerName(partitionOf(busy.room, partitions));
  const leaderOf = {
    [`STREAM.LEADER.STEPDOWN.${roomsStream}`]: async () =>
      (await jetstream.streams.info(roomsStream)).cluster,
    [`STREAM.LEADER.STEPDOWN.${ingressStream}`]: async () =>
      (await jetstream.streams.info(ingressStream)).cluster,
    [`CONSUMER.LEADER.STEPDOWN.${ingressStream}.${consumer}`]: async () =>
      (await jetstream.consumers.info(ingressStream, consumer)).cluster,
  };
  for (const [request, cluster] of Object.entries(leaderOf)) {
    const before = (await cluster())?.leader;
    const answer = await nats.request(`$JS.API.${request}`, "", { timeout: 5000 });
    expect(answer.json()).toMatchObject({ success: true });
    await eventually(async () => {
      const { leader } = (await cluster()) ?? {};
      return leader !== undefined && leader !== before;
    }, patience);
    await busy.goesOn();
  }
  await busy.check();
  expect([...outcomesIn(busy)]).toEqual(["stored"]);
});

describe("a node that is lost", () => {
  test("killed, the one that leads all nodes, disturbs nobody for long", async () => {
    const busy = await busyRoom();
    const { body } = await monitoring("nats-1", "/jsz");
    const { leader } = (body as { meta_cluster: { leader: string } }).meta_cluster;
    const back = once(cluster.part(leader).events, "ready");
    cluster.part(leader).kill();
    await back;
    await busy.goesOn();
    await eventually(async () => {
      const after = (await monitoring("nats-1", "/jsz")).body as { meta_cluster?: { leader?: string } };
      expect(after.meta_cluster?.leader).toMatch(/^nats-/);
    }, patience);
    await busy.check();
  });

  test("standing still, with servers and workers connected to it, sends them to the others", async () => {
    const busy = await busyRoom();
    const counts = await Promise.all(nodes.map(connectedTo));
    const most = counts.map(({ server, worker }) => server * 10 + worker);
    const lost = nodes[most.indexOf(Math.max(...most))] ?? expect.fail();
    const others = nodes.filter((node) => node !== lost);
    await frozen([lost], async () => {
      await eventually(async () => {
        const [one, other] = await Promise.all(others.map(connectedTo));
        expect((one?.server ?? 0) + (other?.server ?? 0)).toBe(2);
        expect((one?.worker ?? 0) + (other?.worker ?? 0)).toBe(2);
      }, patience);
      await busy.goesOn();
    });
    await busy.check();
  });
});

test("without a majority senders are told so, nobody is closed, and all is well when it is back", async () => {
  const busy = await busyRoom();
  await frozen(["nats-2", "nats-3"], async () => {
    const newcomer = await cluster.connect();
    const isRefused = async (room: string): Promise<boolean> => {
      newcomer.type(`join ${room} newcomer`);
      const [line] = await newcomer.line(/^(?:Joined room .*|Error: .*)$/);
      const refusal = `Error: cannot join ${room} right now, the message store does not answer`;
      if (line.startsWith("Error")) expect(line).toBe(refusal);
      return line === refusal;
    };
    // A leader that is left alone knows what it has, until it finds out.
    await eventually(() => isRefused(newRoom()), patience);
    expect(await isRefused(busy.room)).toBe(true);
    // All that each has open.
    const failed = ({ outcomes }: BusySender) => outcomes.told.size - outcomes.count("stored");
    await eventually(() => busy.senders.every((sender) => failed(sender) >= open), patience);
  });
  await busy.goesOn();
  await busy.check();
});
