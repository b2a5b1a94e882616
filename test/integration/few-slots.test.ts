import { once } from "node:events";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { consumerName, ingressStream, ingressSubject } from "../../src/chat/subjects.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import type { Delivery } from "../../src/worker/delivery.ts";
import { Queue } from "../../src/worker/queue.ts";
import { runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { partitions } from "../support/producer.ts";

/** Workers with fewer slots than there are partitions, beside a NATS whose own worker has left. */
const cluster = runCluster();
const log = createLog("test", "fatal");

let nats: NatsConnection;
let jetstream: JetStreamManager;
beforeAll(async () => {
  nats = await connectNats(cluster.natsUrl, "test", log);
  jetstream = await jetstreamManager(nats, { checkAPI: false });
  await cluster.loseWorker(1);
});
afterAll(() => nats?.close());

/** A worker whose batches are done when the test says so. */
class TestWorker {
  readonly taken: Delivery[] = [];
  readonly queue: Queue;
  readonly connection: NatsConnection;
  returned = 0;
  #done: (() => void)[] = [];

  private constructor(connection: NatsConnection, slots: number) {
    this.connection = connection;
    this.queue = new Queue({
      ...{ connection, partitions, slots },
      onReturned: () => this.returned++,
      onDelivery: async (delivery) => {
        this.taken.push(delivery);
        await new Promise<void>((resolve) => this.#done.push(resolve));
        return "done";
      },
    });
  }

  static async start(slots: number): Promise<TestWorker> {
    const worker = new TestWorker(await connectNats(cluster.natsUrl, "test worker", log), slots);
    void worker.#renewOnReconnect();
    workers.push(worker);
    return worker;
  }

  async #renewOnReconnect(): Promise<void> {
    for await (const { type } of this.connection.status()) if (type === "reconnect") this.queue.renew();
  }

  /** Is done with what it has, and has taken as much again. */
  async turn(): Promise<void> {
    const wanted = this.taken.length + this.#done.length;
    this.finish();
    await eventually(() => this.taken.length >= wanted);
  }

  finish(): void {
    for (const done of this.#done.splice(0)) done();
  }

  async stop(): Promise<void> {
    const stopped = this.queue.stop(10_000);
    this.finish();
    await stopped;
    await this.connection.close();
  }
}

let workers: TestWorker[] = [];
const start = TestWorker.start;
const returned = (): number => workers.reduce((sum, worker) => sum + worker.returned, 0);
const all = Array.from({ length: partitions }, (_, partition) => partition);

const publish = (partition: number, bytes = 1000): Promise<unknown> =>
  nats.request(ingressSubject(partition), new Uint8Array(bytes), { timeout: 10_000 });
const fill = async (batches: number): Promise<void> => {
  for (let batch = 0; batch < batches; batch++) await Promise.all(all.map((partition) => publish(partition)));
};

const pullIsOpen = async (partition: number): Promise<boolean> =>
  (await jetstream.consumers.info(ingressStream, consumerName(partition))).num_waiting > 0;

beforeEach(async () => {
  await jetstream.streams.purge(ingressStream);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
});

test.each([1, 3])(
  "%i slots of one worker: each partition in its turn, and nothing is given back",
  async (slots) => {
    await fill(4);
    const worker = await start(slots);
    await eventually(() => worker.taken.length === slots);
    while (worker.taken.length < 3 * partitions) await worker.turn();
    const counts = all.map((one) => worker.taken.filter(({ partition }) => partition === one).length);
    // Who answers late is served first in the next round.
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
    expect(worker.taken.some(({ redelivered }) => redelivered)).toBe(false);
    expect(returned()).toBe(0);
  },
);

test("as many workers of one slot as partitions: each has a batch, and nothing is given back", async () => {
  await fill(6);
  await Promise.all(all.map(() => start(1)));
  const seen = new Set<number>();
  const taken = () => workers.flatMap((worker) => worker.taken);
  for (let turn = 1; turn <= 5; turn++) {
    await eventually(() => taken().length === turn * partitions);
    expect(workers.map(({ queue }) => queue.working)).toEqual(all.map(() => 1));
    const latest = taken().filter(({ sequence }) => !seen.has(sequence));
    expect(latest.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual(all);
    for (const { sequence } of latest) seen.add(sequence);
    for (const worker of workers) worker.finish();
  }
  expect(taken().some(({ redelivered }) => redelivered)).toBe(false);
  expect(returned()).toBe(0);
});

test("the partition comes first that no worker has served for longest", async () => {
  await fill(8);
  const worker = await start(1);
  await eventually(() => worker.taken.length === 1);
  let first = 0;
  // Not the one that was taken just now: whether it has another batch is not known yet.
  for (const chosen of all.filter((partition) => partition !== worker.taken[0]?.partition).slice(0, 8)) {
    // Other workers say so.
    for (const partition of all) if (partition !== chosen) worker.queue.storedElsewhere(partition);
    await worker.turn();
    if (worker.taken.at(-1)?.partition === chosen) first++;
  }
  // What answered too late for a round is not in it; chance alone would hardly do it twice.
  expect(first).toBeGreaterThanOrEqual(2);
});

test("a batch that comes to an idle worker is handed out at once, wherever it comes", async () => {
  const worker = await start(1);
  for (const partition of [5, 0, 15, 5]) {
    // Without a pull of its own, which is there to stay.
    for (const each of all) await eventually(() => pullIsOpen(each));
    const count = worker.taken.length;
    await publish(partition);
    await eventually(() => worker.taken.length > count);
    expect(worker.taken.at(-1)?.partition).toBe(partition);
    worker.finish();
  }
  expect(returned()).toBe(0);
});

test("an idle worker that gets a batch takes no other one before it is done", async () => {
  const worker = await start(1);
  for (const each of all) await eventually(() => pullIsOpen(each));
  await publish(5);
  await eventually(() => worker.taken.length === 1);
  await worker.connection.flush();
  await fill(1);
  while (worker.taken.length < 1 + partitions) await worker.turn();
  expect(worker.taken.some(({ redelivered }) => redelivered)).toBe(false);
  expect(returned()).toBe(0);
});

test("a partition that another worker has is taken over when that one is done", async () => {
  await publish(3);
  const first = await start(1);
  await eventually(() => first.taken.length === 1);
  await publish(3);
  const second = await start(1);
  await first.stop();
  await eventually(() => second.taken.length === 1);
  expect(second.taken[0]).toMatchObject({ partition: 3, redelivered: false });
});

test("a worker that stops while it is being handed batches leaves none to time out", async () => {
  for (let round = 0; round < 8; round++) {
    const leaving = await start(1);
    for (const each of all) await eventually(() => pullIsOpen(each));
    const published = fill(1);
    await publish(round);
    await Promise.all([leaving.stop(), published]);
    // Sooner than ack_wait, which is 3 s.
    const next = await start(partitions);
    const rest = 1 + partitions - leaving.taken.length;
    await eventually(
      () => {
        next.finish();
        return next.taken.length === rest;
      },
      { milliseconds: 2000 },
    );
    await next.stop();
  }
});

test("a worker goes on when NATS comes back, with as many batches as it has slots", async () => {
  const worker = await start(2);
  const back = once(cluster.part("nats-1").events, "ready");
  cluster.part("nats-1").kill();
  await back;
  await eventually(
    () =>
      nats.flush().then(
        () => true,
        () => false,
      ),
    { milliseconds: 30_000 },
  );
  await eventually(() => fill(1).then(() => true), { milliseconds: 30_000 });
  while (new Set(worker.taken.map(({ partition }) => partition)).size < partitions) {
    await eventually(() => worker.queue.working > 0, { milliseconds: 30_000 });
    expect(worker.queue.working).toBeLessThanOrEqual(2);
    worker.finish();
  }
});
