import { beforeEach, describe, expect, test } from "vitest";
import { ChatClient } from "../support/chat-client.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";

const maxConnections = 8;
const messagesPerSecond = 1000;
/** The messages that may come at once are five seconds' worth. */
const burst = 5 * messagesPerSecond;
const partitionBufferBytes = 1_048_576;

const cluster = runCluster({
  spec: {
    server: {
      replicas: 1,
      limits: { maxConnections, messagesPerSecond, sendQueueBytes: 65_536, joinTimeout: "2s" },
    },
  },
  environment: { DISROOM_PARTITION_BUFFER_BYTES: `${partitionBufferBytes}` },
});

const metric = (name: string, labels?: Record<string, string>): Promise<number> =>
  cluster.metric("server-1", `disroom_${name}`, labels);
const closed = (): Promise<number> => metric("connections_closed_total");

// Clients of the test before are gone, so that each test has all connections.
beforeEach(() => eventually(async () => (await metric("connections")) === 0));

/** A message of about 4,000 bytes that says which one it is. */
const longMessage = (number: number): string => `send ${number} ${"long".repeat(999)}`;
const numbers = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

/** Reads messages that begin with a number up to the one with `last`, and gives their numbers. */
async function numbersUpTo(client: ChatClient, last: number): Promise<number[]> {
  const found: number[] = [];
  while (found.at(-1) !== last) found.push(Number((await client.line(/^\[.{8}\] \w+: (\d+)\b/))[1]));
  return found;
}

describe("a member that does not read", () => {
  test("is closed with the reason as its last line, and slows nobody", async () => {
    const room = newRoom();
    const sleepy = await cluster.member(room, "sleepy");
    const alice = await cluster.member(room, "alice");
    const bob = await cluster.member(room, "bob");
    sleepy.pause();

    // The system's buffers take some megabytes before the server has to keep anything.
    const step = 100;
    let sent = 0;
    for (; (await metric("connections_closed_total", { reason: "slow" })) === 0; sent += step) {
      expect(sent, "messages without an end for who does not read them").toBeLessThan(10_000);
      alice.type(...numbers(step, sent).map(longMessage));
      const expected = numbers(step, sent);
      expect(await numbersUpTo(alice, sent + step - 1)).toEqual(expected);
      expect(await numbersUpTo(bob, sent + step - 1)).toEqual(expected);
    }
    // It may stand before or behind the last messages.
    await eventually(() => bob.text.includes(`* sleepy left ${room}\n`));

    sleepy.resume();
    const lines = (await sleepy.ended()).split("\n");
    expect(lines.splice(-2)).toEqual(["Error: you are reading too slowly, closing", ""]);
    const messages = lines.filter((line) => line.startsWith("["));
    expect(messages.map((line) => Number(line.split(" ")[2]))).toEqual(numbers(messages.length));
    expect(messages.length).toBeLessThan(sent);
    expect(messages.every((line) => line.endsWith("long"))).toBe(true);
  });
});

describe("a client that asks for more than it reads", () => {
  test("gets all answers as it reads on, and the end after the last", async () => {
    const room = newRoom();
    const writer = await cluster.member(room, "writer");
    writer.type(...numbers(100).map(longMessage));
    await numbersUpTo(writer, 99);
    const reader = await cluster.member(room, "reader");
    const pauses = await metric("answer_pauses_total");
    const times = 60;
    reader.pause();
    reader.type(...Array.from({ length: times }, () => "history"));
    reader.endSending();
    await eventually(async () => (await metric("answer_pauses_total")) > pauses, { milliseconds: 30_000 });
    reader.resume();
    const shown = await reader.ended();
    expect(shown.match(/^\[.{19}\] writer: \d+ /gm)).toHaveLength(100 * times);
    expect(shown.endsWith("long\n")).toBe(true);
  });
});

describe("the connection limit", () => {
  test("is told to one more, and a place that gets free can be used again", async () => {
    const refused = await metric("connections_refused_total");
    const room = newRoom();
    const members: ChatClient[] = [];
    for (const number of numbers(maxConnections)) members.push(await cluster.member(room, `user-${number}`));
    expect(await metric("connections")).toBe(maxConnections);

    for (const attempt of [1, 2]) {
      const tooMany = await ChatClient.connect(cluster.port);
      tooMany.type(`join ${room} late`);
      expect(await tooMany.ended()).toBe(
        `Error: the server is full (${maxConnections} connections), try again later\n`,
      );
      expect(await metric("connections_refused_total")).toBe(refused + attempt);
    }

    const [first, second] = members;
    second?.type("send still here");
    await first?.line(/user-1: still here$/);
    first?.type("exit");
    await first?.line("Goodbye!");
    await first?.ended();
    await eventually(async () => (await metric("connections")) === maxConnections - 1);
    await cluster.member(room, "late");
    await second?.line(`* late joined ${room}`);
  });
});

describe("the message rate", () => {
  test("pauses reading from a faster sender; nothing is lost, nobody is closed", async () => {
    const room = newRoom();
    const bob = await cluster.member(room, "bob");
    const [pausesBefore, closedBefore] = [await metric("rate_pauses_total"), await closed()];
    const begun = performance.now();
    const alice = await cluster.member(room, "alice");
    const count = burst + messagesPerSecond;
    alice.type(...numbers(count).map((number) => `send ${number}`), "users");
    expect(await numbersUpTo(bob, count - 1)).toEqual(numbers(count));
    // It began with a full burst, so what is beyond it took its time; timers may be early by a millisecond.
    const seconds = (performance.now() - begun) / 1000;
    expect(seconds).toBeGreaterThan((0.9 * (count - burst)) / messagesPerSecond);
    expect(await numbersUpTo(alice, count - 1)).toEqual(numbers(count));
    await alice.reads(`Users in ${room}: alice, bob\n`);
    expect(await metric("rate_pauses_total")).toBeGreaterThan(pausesBefore);
    expect(await closed()).toBe(closedBefore);
  });
});

describe("the join time-out", () => {
  test("closes who has not joined a room, whatever else was typed, with the reason", async () => {
    const before = await metric("connections_closed_total", { reason: "join timeout" });
    const early = await cluster.member(newRoom(), "alice");
    const late = await cluster.connect();
    const silent = await cluster.connect();
    const busy = await cluster.connect();
    busy.type("help", "users", `join ${newRoom()} no!user`);
    const asked = await cluster.connect();
    asked.type(`join ${newRoom()}`);
    late.type(`join ${newRoom()} alice`);
    expect(await silent.ended()).toBe("Error: no room joined in time, closing\n");
    expect(await busy.ended()).toMatch(/\nError: no room joined in time, closing\n$/);
    expect(await asked.ended()).toBe("Enter your user ID: Error: no room joined in time, closing\n");
    expect(await metric("connections_closed_total", { reason: "join timeout" })).toBe(before + 3);
    // Those who joined in time are there still.
    for (const client of [early, late]) {
      client.type("send still here", "exit");
      expect(await client.ended()).toMatch(/alice: still here\nGoodbye!\n$/);
    }
  });
});

describe("a partition whose worker stands still", () => {
  test("fills its buffer, then reading pauses; afterwards everything arrives once and in order", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const bob = await cluster.member(room, "bob");
    const [pausesBefore, closedBefore] = [await metric("buffer_pauses_total"), await closed()];
    const worker = cluster.part("worker-1").pid ?? expect.fail("the worker has no process");
    // More than the buffer and the system's buffers can take together.
    const count = 4000;
    process.kill(worker, "SIGSTOP");
    try {
      alice.type(...numbers(count).map(longMessage));
      alice.endSending();
      await eventually(async () => (await metric("buffer_pauses_total")) > pausesBefore);
      // What the sender writes backs up: nothing more of it is taken, however often one looks.
      await eventually(async () => {
        const unsent = alice.unsent;
        for (let look = 0; look < 10; look++) expect(await metric("buffer_lag_seconds")).toBeGreaterThan(0);
        expect(unsent).toBeGreaterThan(0);
        expect(alice.unsent).toBe(unsent);
      });
      const bytes = await metric("buffer_bytes");
      expect(bytes).toBeGreaterThanOrEqual(partitionBufferBytes);
      expect(bytes).toBeLessThan(partitionBufferBytes + 8192);
      expect(bob.text).not.toContain("] alice");
      // Other commands are not held up.
      bob.type("users");
      await bob.line(`Users in ${room}: alice, bob`);
    } finally {
      process.kill(worker, "SIGCONT");
    }
    expect(await numbersUpTo(bob, count - 1)).toEqual(numbers(count));
    expect(await numbersUpTo(alice, count - 1)).toEqual(numbers(count));
    expect(await alice.ended()).toBe("");
    expect(alice.text).not.toContain("Error");
    await bob.line(`* alice left ${room}`);
    bob.type("exit");
    expect(await bob.ended()).toBe("Goodbye!\n");
    expect(await closed()).toBe(closedBefore);
    expect(await metric("buffer_bytes")).toBe(0);
    expect(await metric("buffer_lag_seconds")).toBe(0);
  });
});

describe("bad lines", () => {
  test("are counted by their reason", async () => {
    const count = (reason: string): Promise<number> => metric("bad_lines_total", { reason });
    const before = [await count("too-long"), await count("invalid-utf8")];
    const client = await cluster.connect();
    client.write(Buffer.concat([Buffer.alloc(5000, "x"), Buffer.from("\nsend \xe9\n", "latin1")]));
    await client.line(/longer than 4096 bytes/);
    await client.line(/UTF-8/);
    expect([await count("too-long"), await count("invalid-utf8")]).toEqual(before.map((value) => value + 1));
  });
});

describe("the HTTP port", () => {
  test.each(["server-1", "worker-1"])("of %s says that it lives and is ready", async (name) => {
    const base = `http://${cluster.part(name).http}`;
    for (const path of ["/livez", "/readyz"]) {
      const answer = await fetch(base + path);
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, "ok\n"]);
    }
    expect((await fetch(`${base}/`)).status).toBe(404);
  });

  test.each([
    ["server-1", ["connections", "rooms", "messages_accepted_total", "messages_stored_total"]],
    ["server-1", ["messages_failed_total", "messages_delivered_total", "buffer_bytes", "buffer_lag_seconds"]],
    ["worker-1", ["queue_lag_seconds", "queue_lag_bytes", "worker_messages_stored_total"]],
  ])("of %s has the metrics %j", async (name, metrics) => {
    for (const each of metrics) {
      expect(await cluster.metric(name, `disroom_${each}`)).toBeGreaterThanOrEqual(0);
    }
  });

  test("says that servers and workers are not ready while NATS is away, and the chat goes on after it", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const base = (name: string): string => `http://${cluster.part(name).http}`;
    const names = ["server-1", "worker-1"];
    cluster.part("nats-1").kill();
    await Promise.all(
      names.map((name) =>
        eventually(async () => {
          const answer = await fetch(`${base(name)}/readyz`);
          expect([answer.status, await answer.text()]).toEqual([503, "not connected to NATS\n"]);
          expect((await fetch(`${base(name)}/livez`)).status).toBe(200);
        }),
      ),
    );
    alice.type("send while NATS is away");
    await alice.line(/alice: while NATS is away$/);
    await Promise.all(
      names.map((name) => eventually(async () => (await fetch(`${base(name)}/readyz`)).status === 200)),
    );
  });
});
