import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import type { History } from "../../../src/server/history.ts";
import { JoinTimeout } from "../../../src/server/join-timeout.ts";
import type { Presence } from "../../../src/server/presence/presence.ts";
import { Publisher } from "../../../src/server/publisher.ts";
import type { Room } from "../../../src/server/room.ts";
import type { Rooms } from "../../../src/server/rooms.ts";
import { Session } from "../../../src/server/session.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeQueue } from "./fake-queue.ts";
import { quietLog, quietMetrics } from "./quiet.ts";

const bufferBytes = 20_000;

/** A client's connection that has joined a room, its session, and the queue behind it, which never answers. */
async function joined() {
  const queue = new FakeQueue();
  const publisher = new Publisher(1, {
    requests: queue.requests,
    incarnation: "abcdEFGH0123_-xy",
    bufferBytes,
    sendTimeout: 60_000,
    metrics: quietMetrics,
    log: quietLog,
  });
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await accepted) as [Socket];
  server.close();

  const room = { id: "general", members: new Set(), flush: () => {} } as unknown as Room;
  const session = new Session("1", socket, {
    settings: { maxLineBytes: 4096, sendQueueBytes: 1_000_000, messagesPerSecond: 0 },
    rooms: { acquire: async () => room, release: () => {} } as unknown as Rooms,
    presence: { join: async () => {}, leave: async () => {} } as unknown as Presence,
    history: {} as History,
    joinTimeout: new JoinTimeout(60_000),
    onEnded: () => {},
    publisher,
    metrics: quietMetrics,
    log: quietLog,
  });
  let shown = "";
  client.on("data", (chunk) => {
    shown += chunk;
  });
  client.write("join general alice\n");
  await eventually(() => shown.includes("Joined room general as alice\n"));
  return { queue, publisher, client, session, shown: () => shown };
}

it("a session of a server that stops answers what it has accepted, and accepts nothing more", async () => {
  const { queue, publisher, client, session, shown } = await joined();
  for (let i = 0; i < 200; i++) client.write(`send ${i} ${"x".repeat(1000)}\n`);
  // Now its client waits for room in the buffer.
  await eventually(() => publisher.bytes >= bufferBytes && queue.attempts.length === 1);
  const accepted = quietMetrics.accepted.count;

  let ended = false;
  const stopped = session.restart().then(() => {
    ended = true;
  });
  // The queue comes back, and stores all that it is given.
  queue.onAttempt = (attempt) => {
    attempt.store();
    setImmediate(() => publisher.stored(0, attempt.counter, "general"));
  };
  queue.open.store();
  publisher.stored(0, 1, "general");
  await Promise.all([stopped, once(client, "end")]);
  publisher.close();

  expect(ended).toBe(true);
  expect(shown()).toContain("* Server is restarting, please reconnect\n");
  expect(quietMetrics.accepted.count - accepted).toBe(0);
});
