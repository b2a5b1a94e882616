import { once } from "node:events";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RoomLog } from "../../src/chat/room-log.ts";
import { reportSubject } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import type { Measured } from "../../src/scaling/lag-meter.ts";
import { LagUnknown } from "../../src/scaling/lag-unknown.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type Frame, NatsFilter } from "../support/nats-filter.ts";

/** What waits, who is connected and what workers do, as the control plane measures it. */
const filter = await NatsFilter.open(8);
afterAll(() => filter.close());
afterEach(() => {
  filter.rule = () => "pass";
  filter.release();
});

const cluster = runCluster({
  spec: { server: { replicas: 2, limits: { messagesPerSecond: 0 } }, workers: { minReplicas: 2 } },
  // So that one batch is all that a worker can do at once.
  environment: { DISROOM_SLOTS: "1" },
  portFor: (from, to, port) =>
    to.startsWith("nats") && !from.startsWith("nats") ? filter.portFor(from, to, port) : port,
});
const workers = ["worker-1", "worker-2"];

let nats: NatsConnection;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
});
afterAll(() => nats?.close());

const signal = (name: NodeJS.Signals, parts: readonly string[]): void => {
  for (const part of parts)
    process.kill(cluster.part(part).pid ?? expect.fail(`no process of ${part}`), name);
};

/** Freezes parts until `work` is done. */
async function frozen(parts: readonly string[], work: () => Promise<void>): Promise<void> {
  signal("SIGSTOP", parts);
  try {
    await work();
  } finally {
    signal("SIGCONT", parts);
  }
}

/** Measures until it is as `check` says. */
const measured = (check: (measured: Measured) => void): Promise<Measured> =>
  eventually(
    async () => {
      const now = await cluster.measureLag();
      check(now);
      return now;
    },
    { milliseconds: 30_000, interval: 100 },
  );
/** Measures until that is not possible for this reason. */
const unknown = (reason: LagUnknown["reason"]): Promise<LagUnknown> =>
  eventually(
    async () => {
      const error = await cluster.measureLag().catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(LagUnknown);
      expect(error).toMatchObject({ reason });
      return error as LagUnknown;
    },
    { milliseconds: 30_000, interval: 100 },
  );
const nothingWaits = ({ sample }: Measured): void =>
  expect(sample).toMatchObject({ lagSeconds: 0, lagBytes: 0, workers: 2 });

const isPublishTo =
  (part: string, subject: RegExp) =>
  ({ from, operation, args }: Frame): boolean =>
    from === part && operation === "HPUB" && subject.test(args[0] ?? "");

test("people's connections to all servers are counted, while they last", async () => {
  const first = await cluster.connect("server-1");
  const second = await cluster.connect("server-2");
  const third = await cluster.connect("server-2");
  const { sample } = await measured(({ connections }) => expect(connections).toBe(3));
  expect(sample).toMatchObject({ lagSeconds: 0, lagBytes: 0, workers: 2 });
  for (const client of [second, third]) client.close();
  await measured(({ connections }) => expect(connections).toBe(1));
  first.close();
  await measured(({ connections }) => expect(connections).toBe(0));
});

test("what waits in the queue since workers stand still", async () => {
  const alice = await cluster.member(newRoom(), "alice");
  await measured(nothingWaits);
  await frozen(workers, async () => {
    const since = performance.now();
    alice.type("send hello");
    const { sample } = await measured((now) => expect(now.sample.lagSeconds).toBeGreaterThan(1));
    expect(sample.lagSeconds).toBeLessThan((performance.now() - since) / 1000);
    expect(sample.lagBytes).toBeGreaterThan("hello".length);
    // No worker says what it does, which hides no message.
    expect(sample).toMatchObject({ workers: 0, storedBytesPerSecond: undefined, busy: undefined });
    // Its sender has been told that it is not confirmed, and it waits all the same.
    await alice.line(/not confirmed/);
    await measured((now) => expect(now.sample.lagSeconds).toBeGreaterThan(10.5));
  });
  await measured(nothingWaits);
  alice.close();
});

test("what waits in a server that cannot put it into the queue", async () => {
  const alice = await cluster.member(newRoom(), "alice", "server-2");
  const isBatch = isPublishTo("server-2", /^room\.global_messages\./);
  const since = performance.now();
  filter.rule = (frame) => (isBatch(frame) ? "drop" : "pass");
  const text = "x".repeat(500);
  alice.type(`send ${text}`);
  const { sample } = await measured((now) => expect(now.sample.lagSeconds).toBeGreaterThan(1));
  expect(sample.lagSeconds).toBeLessThan((performance.now() - since) / 1000);
  expect(sample.lagBytes).toBeGreaterThan(text.length);
  expect(sample.lagBytes).toBeLessThan(text.length + 200);
  filter.rule = () => "pass";
  await alice.line(/: x+$/);
  await measured(nothingWaits);
  alice.close();
});

describe("it is unknown, and known again afterwards", () => {
  test("while a server does not answer that should", async () => {
    await measured(nothingWaits);
    await frozen(["server-1"], async () => {
      expect((await unknown("ServersSilent")).message).toBe("1 of 2 chat servers say what waits in them");
    });
    const { sample } = await measured(nothingWaits);
    // What was done meanwhile says nothing of what is done now.
    expect(sample).toMatchObject({ storedBytesPerSecond: undefined, busy: undefined });
  });

  test("but not because a server died, as soon as that is known", async () => {
    const { events } = cluster.part("server-1");
    const back = once(events, "ready");
    cluster.part("server-1").kill();
    await once(events, "exit");
    expect(cluster.part("server-1").isReady).toBe(false);
    await measured(nothingWaits);
    await back;
    const client = await cluster.connect("server-1");
    await measured(({ connections }) => expect(connections).toBe(1));
    client.close();
  });

  test("while NATS is silent, and until it is there again", async () => {
    signal("SIGSTOP", ["nats-1"]);
    await unknown("QueueSilent");
    // A connection that is silent counts as lost in the end.
    await unknown("NATSUnreachable");
    const back = once(cluster.part("nats-1").events, "ready");
    cluster.part("nats-1").kill();
    await back;
    await measured(nothingWaits);
  });
});

describe("what workers do", () => {
  test("the bytes that they stored are those in the rooms", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const before = await measured(({ sample }) => expect(sample.busy).toBeDefined());
    const texts = Array.from({ length: 200 }, (_, index) => `${index} ${"x".repeat(1000)}`);
    for (const text of texts) alice.type(`send ${text}`);
    await alice.line(/: 199 x+$/);
    // An echo comes before the worker is through with its batch.
    for (const worker of workers) {
      const atWork = () => cluster.metric(worker, "disroom_worker_batches_at_work");
      await eventually(async () => (await atWork()) === 0);
    }
    const { sample } = await cluster.measureLag();
    const log = new RoomLog(nats, await jetstreamManager(nats, { checkAPI: false }));
    const sections = await log.from(room, 1);
    const stored = sections.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(stored).toBeGreaterThan(200_000);
    const seconds = (sample.at - before.sample.at) / 1000;
    expect((sample.storedBytesPerSecond ?? 0) * seconds).toBeCloseTo(stored, 3);
    expect(sample.workers).toBe(2);
    expect(sample.busy).toBeGreaterThan(before.sample.busy ?? 1);
    alice.close();
  });

  test("one that has a batch in its only slot all the time is busy all the time", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    await measured(({ sample }) => expect(sample.busy).toBeLessThan(0.2));
    const isOfRoom = (frame: Frame): boolean =>
      workers.some((worker) => isPublishTo(worker, new RegExp(`^room\\.${room}$`))(frame));
    filter.rule = (frame) => (isOfRoom(frame) ? "drop" : "pass");
    alice.type("send hello");
    // One of two.
    const { sample } = await measured((now) => expect(now.sample.busy).toBeGreaterThan(0.49));
    expect(sample.busy).toBeLessThan(0.8);
    filter.rule = () => "pass";
    await alice.line(/: hello$/);
    await measured(nothingWaits);
    alice.close();
  });

  test("one that comes counts from its start; what one did that is gone is not known, once", async () => {
    const told = ({ sample }: Measured): void => expect(sample.busy).toBeDefined();
    await measured(told);
    await cluster.addWorker();
    const three = await cluster.measureLag();
    expect(three.sample).toMatchObject({ workers: 3, storedBytesPerSecond: 0 });
    await cluster.loseWorker(3);
    const gone = await cluster.measureLag();
    expect(gone.sample).toMatchObject({ workers: 2, storedBytesPerSecond: undefined, busy: undefined });
    const { sample } = await cluster.measureLag();
    expect(sample).toMatchObject({ workers: 2, storedBytesPerSecond: 0 });
  });
});

describe("those who answer", () => {
  /** Answers beside those of the cluster, while `work` is under way. */
  async function answering(answers: readonly string[], work: () => Promise<void>): Promise<void> {
    const subscription = nats.subscribe(reportSubject, {
      callback: (_, question) => {
        // Later than the others.
        setTimeout(() => {
          for (const answer of answers) question.respond(answer);
        }, 10);
      },
    });
    await nats.flush();
    await work();
    subscription.unsubscribe();
  }
  const server = { role: "server", id: "leaving", connections: 7, oldestSeconds: 0, waitingBytes: 10 };

  test("are not waited for when they are all there", async () => {
    await eventually(async () => {
      const began = performance.now();
      await cluster.measureLag();
      return performance.now() - began < 300;
    });
  });

  test("may be more than are ready: one that is about to go still has people", () =>
    answering([JSON.stringify(server), JSON.stringify(server)], async () => {
      let inARow = 0;
      await measured(({ sample, connections }) => {
        inARow = connections === 7 && sample.lagBytes === 10 ? inARow + 1 : 0;
        // One of the others may be late, too.
        expect(inARow).toBe(5);
      });
    }));

  test("may say whatever they like: what is no report counts for nothing", () =>
    answering(["{", JSON.stringify({ ...server, connections: -1e9 })], async () => {
      const { connections } = await measured(nothingWaits);
      expect(connections).toBe(0);
    }));
});
