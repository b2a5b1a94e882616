import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { createLog } from "../../src/platform/log.ts";
import { Metrics } from "../../src/platform/metrics.ts";
import { holdingsKey, leaseKey } from "../../src/server/presence/keys.ts";
import { Presence, PresenceUnavailableError } from "../../src/server/presence/presence.ts";
import type { PresenceEvent } from "../../src/server/presence/presence-event.ts";
import { presenceRedis } from "../../src/server/presence/redis.ts";
import { eventually } from "../support/eventually.ts";
import type { Order } from "../support/presence-server.ts";
import { type Link, startLink, startRedis, type TestRedis } from "../support/redis.ts";

const log = createLog("test", process.env.LOG_LEVEL ?? "fatal");

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function redisServer(options?: { password: string }): Promise<TestRedis> {
  const redis = await startRedis(options);
  cleanUps.push(() => redis.stop());
  return redis;
}

type Server = {
  presence: Presence;
  incarnation: string;
  /** What it heard, as "joined general/bob s1"; without barriers. */
  heard: string[];
  metric(name: string): Promise<number>;
};

let servers = 0;

async function server(
  redis: { readonly url: string },
  { rooms = ["general"], leaseMilliseconds = 600 } = {},
): Promise<Server> {
  const incarnation = `server-${++servers}`;
  const metrics = new Metrics("server");
  const heard: string[] = [];
  const presence = new Presence({
    redisUrl: redis.url,
    incarnation,
    leaseMilliseconds,
    log,
    metrics,
    onEvent: (event) => heard.push(asText(event)),
  });
  cleanUps.push(() => presence.stop());
  for (const room of rooms) presence.watch(room);
  await presence.start();
  return { presence, incarnation, heard, metric: (name) => sumOf(metrics, name) };
}

const asText = ({ kind, room, user, session }: PresenceEvent): string =>
  `${kind} ${room}/${user}${session === undefined ? "" : ` ${session}`}`;

async function sumOf(metrics: Metrics, name: string): Promise<number> {
  const { values = [] } = (await metrics.registry.getSingleMetric(`disroom_${name}`)?.get()) ?? {};
  return values.reduce((sum, { value }) => sum + value, 0);
}

/** A client of the test's own. */
function client(redis: TestRedis): Redis {
  const direct = new Redis(redis.url);
  direct.on("error", () => {});
  cleanUps.push(() => direct.disconnect());
  return direct;
}

let barriers = 0;

/** Everything published to the room before has been heard when this resolves; removes its own traces. */
async function barrier(direct: Redis, room: string, ...listeners: { heard: string[] }[]): Promise<void> {
  const user = `barrier-${++barriers}`;
  const mark = `joined ${room}/${user}`;
  // A server that has just reconnected may not be subscribed at the first try.
  await eventually(async () => {
    await direct.publish(`room:${room}:presence`, JSON.stringify({ kind: "joined", user }));
    return listeners.every(({ heard }) => heard.includes(mark));
  });
  // The last copies may still be on their way; they are taken out by whoever compares.
  for (const listener of listeners) listener.heard.splice(0, listener.heard.length, ...real(listener.heard));
}

const real = (heard: readonly string[]): string[] => heard.filter((text) => !text.includes("/barrier-"));

type Child = { tell(order: Order): Promise<void>; signal(name: NodeJS.Signals): void };

/** A server in a process of its own, to be killed or frozen. */
async function childServer(redis: TestRedis, leaseMilliseconds: number): Promise<Child> {
  const child: ChildProcess = fork(new URL("../support/presence-server.ts", import.meta.url), {
    execPath: new URL("../../node_modules/.bin/node", import.meta.url).pathname,
    execArgv: [],
  });
  cleanUps.push(() => child.kill("SIGKILL"));
  const tell = async (order: Order): Promise<void> => {
    const done = once(child, "message");
    child.send(order);
    await done;
  };
  const incarnation = `child-${++servers}`;
  await tell({ start: { redisUrl: redis.url, incarnation, leaseMilliseconds } });
  return { tell, signal: (name) => void child.kill(name) };
}

async function linkTo(redis: TestRedis): Promise<Link> {
  const link = await startLink(redis);
  cleanUps.push(() => link.close());
  return link;
}

async function elapsed(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work.catch(() => {});
  return performance.now() - start;
}

/** Nothing of any room is left in Redis: no member, no count. */
const roomKeys = async (direct: Redis): Promise<string[]> => [
  ...(await direct.keys("room:*")),
  ...(await direct.keys("disroom:room:*")),
];

test("tells the room who joined and who left, and which session did it", async () => {
  const redis = await redisServer({ password: "a b/c" });
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "bob", "s1");
  await b.presence.join("general", "alice", "s2");
  await b.presence.join("other", "carol", "s3");
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  expect(await a.presence.users("nobody-here")).toEqual([]);
  await a.presence.leave("general", "bob", "s1");
  expect(await b.presence.users("general")).toEqual(["alice"]);
  await barrier(client(redis), "general", a, b);
  const told = ["joined general/bob s1", "joined general/alice s2", "left general/bob s1"];
  expect(a.heard).toEqual(told);
  expect(b.heard).toEqual(told);
});

test("stops hearing a room that is no longer watched", async () => {
  const redis = await redisServer();
  const a = await server(redis, { rooms: ["one", "two"] });
  a.presence.unwatch("one");
  await a.presence.join("one", "bob", "s1");
  await a.presence.join("two", "bob", "s2");
  await barrier(client(redis), "two", a);
  expect(a.heard).toEqual(["joined two/bob s2"]);
});

test("two devices on one server count as one user", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  await a.presence.join("general", "bob", "phone");
  await a.presence.join("general", "bob", "laptop");
  await a.presence.join("general", "bob", "laptop");
  await a.presence.leave("general", "bob", "phone");
  await a.presence.leave("general", "bob", "phone");
  expect(await a.presence.users("general")).toEqual(["bob"]);
  await a.presence.leave("general", "bob", "laptop");
  expect(await a.presence.users("general")).toEqual([]);
  await barrier(client(redis), "general", a);
  expect(a.heard).toEqual(["joined general/bob phone", "left general/bob laptop"]);
});

test("two devices on two servers count as one user", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "bob", "phone");
  await b.presence.join("general", "bob", "laptop");
  await a.presence.leave("general", "bob", "phone");
  expect(await a.presence.users("general")).toEqual(["bob"]);
  await b.presence.leave("general", "bob", "laptop");
  expect(await a.presence.users("general")).toEqual([]);
  const direct = client(redis);
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob phone", "left general/bob laptop"]);
  expect(await roomKeys(direct)).toEqual([]);
});

test("a killed server's users are taken away within the bound and told once, whoever competes", async () => {
  const leaseMilliseconds = 1500;
  const redis = await redisServer();
  const survivors = await Promise.all([1, 2, 3].map(() => server(redis, { leaseMilliseconds })));
  const [survivor] = survivors as [Server];
  // Survivors judge others after a lease of steady renewals.
  const steadyAt = performance.now() + leaseMilliseconds * 1.4;
  const child = await childServer(redis, leaseMilliseconds);
  // More than two calls take away.
  const users = Array.from({ length: 1200 }, (_, i) => `user-${i}`);
  await child.tell({ join: users.map((user) => ["general", user, `session-${user}`]) });
  await child.tell({ join: [["general", "carol", "laptop"]] });
  await survivor.presence.join("general", "carol", "phone");
  expect(await survivor.presence.users("general")).toHaveLength(1201);
  await eventually(() => performance.now() > steadyAt);

  const killedAt = performance.now();
  child.signal("SIGKILL");
  await eventually(async () => (await survivor.presence.users("general")).length === 1);
  expect(performance.now() - killedAt).toBeLessThan((leaseMilliseconds * 4) / 3 + 500);
  expect(await survivor.presence.users("general")).toEqual(["carol"]);

  const direct = client(redis);
  await barrier(direct, "general", ...survivors);
  for (const { heard } of survivors) {
    expect(heard.filter((text) => text.startsWith("left")).sort()).toEqual(
      users.map((user) => `left general/${user}`).sort(),
    );
  }
  const reaped = await Promise.all(survivors.map(({ metric }) => metric("presence_reaped_servers_total")));
  expect(reaped.reduce((sum, value) => sum + value)).toBe(1);
  await survivor.presence.leave("general", "carol", "phone");
  expect(await roomKeys(direct)).toEqual([]);
});

test("a frozen server that wakes up puts its users back, and the room is told", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const child = await childServer(redis, 600);
  await child.tell({ join: [["general", "bob", "s1"]] });
  child.signal("SIGSTOP");
  await eventually(async () => (await a.presence.users("general")).length === 0);
  child.signal("SIGCONT");
  await eventually(async () => (await a.presence.users("general")).includes("bob"));
  const direct = client(redis);
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob s1", "left general/bob", "joined general/bob"]);

  await child.tell({ leave: [["general", "bob", "s1"]] });
  await barrier(direct, "general", a);
  expect(a.heard.slice(3)).toEqual(["left general/bob s1"]);
  expect(await roomKeys(direct)).toEqual([]);
});

test("a server that wakes up between being buried and its users being taken away keeps them", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const direct = client(redis);
  await a.presence.join("general", "bob", "s1");
  await direct
    .multi()
    .del(`disroom:server:${a.incarnation}:lease`)
    .hdel("disroom:servers", a.incarnation)
    .rename(`disroom:server:${a.incarnation}:holdings`, "disroom:grave:dug-by-the-test")
    .exec();
  // A change that meets the missing lease is refused and recorded after the put-back.
  await a.presence.join("general", "alice", "s2");
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  await eventually(async () => (await direct.scard(`disroom:server:${a.incarnation}:holdings`)) === 2);
  expect(await direct.hgetall("disroom:room:general:more")).toEqual({ bob: "1" });

  await direct.sadd("disroom:graves", "dug-by-the-test");
  await eventually(async () => (await direct.exists("disroom:graves")) === 0);
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  await a.presence.leave("general", "bob", "s1");
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob s1", "joined general/alice s2", "left general/bob s1"]);
});

test("a server that had lost its way to Redis says what is new, but not again who has left", async () => {
  const redis = await redisServer();
  const link = await linkTo(redis);
  const a = await server(link);
  const b = await server(redis);
  const direct = client(redis);
  for (const user of ["alice", "bob"]) await a.presence.join("general", user, user);
  link.block();
  await eventually(() => !a.presence.available);
  await a.presence.leave("general", "bob", "bob");
  await a.presence.join("general", "carol", "carol");
  await eventually(async () => (await b.presence.users("general")).length === 0);
  link.unblock();
  await eventually(async () => expect(await b.presence.users("general")).toEqual(["alice", "carol"]));
  await eventually(async () => (await a.metric("presence_unrecorded")) === 0);
  await barrier(direct, "general", b);
  expect(b.heard.slice(2).sort()).toEqual([
    "joined general/alice",
    "joined general/carol carol",
    "left general/alice",
    "left general/bob",
  ]);
});

test("Redis restarted empty: users are put back in silence", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "bob", "phone");
  await b.presence.join("general", "bob", "laptop");
  await b.presence.join("general", "alice", "s3");
  const direct = client(redis);
  await barrier(direct, "general", a, b);
  await redis.restartEmpty();
  await eventually(async () => {
    expect(await direct.smembers("room:general:users")).toHaveLength(2);
    expect(await direct.hget("disroom:room:general:more", "bob")).toBe("1");
  });
  // Redis counts calls from its start, so none can have been missed.
  expect(await direct.info("commandstats")).not.toContain("cmdstat_publish");

  await eventually(() => a.presence.available && b.presence.available);
  await a.presence.leave("general", "bob", "phone");
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  await b.presence.leave("general", "bob", "laptop");
  await barrier(direct, "general", a, b);
  const joined = ["joined general/bob phone", "joined general/alice s3"];
  expect(a.heard).toEqual([...joined, "left general/bob laptop"]);
});

test("Redis restarted from an old snapshot: it is put right in silence", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const direct = client(redis);
  await a.presence.join("general", "alice", "s1");
  await a.presence.join("general", "bob", "s2");
  await direct.save();
  const b = await server(redis);
  await b.presence.join("general", "dave", "s4");
  await a.presence.leave("general", "alice", "s1");
  await a.presence.join("general", "carol", "s3");
  await barrier(direct, "general", a);
  await redis.restart();
  await eventually(async () => {
    expect((await direct.smembers("room:general:users")).sort()).toEqual(["bob", "carol", "dave"]);
  });
  expect(await direct.info("commandstats")).not.toContain("cmdstat_publish");
});

test("Redis emptied while it runs: users are put back in silence", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  await a.presence.join("general", "bob", "s1");
  const direct = client(redis);
  await direct.flushall();
  await eventually(async () => (await direct.smembers("room:general:users")).length === 1);
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob s1"]);
});

test("Redis away, then empty: who came and went meanwhile is told afterwards", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  await a.presence.join("general", "alice", "s1");
  await a.presence.join("general", "bob", "s2");
  await barrier(client(redis), "general", a);
  await redis.kill();
  await eventually(() => !a.presence.available);

  expect(await elapsed(a.presence.join("general", "carol", "s3"))).toBeLessThan(500);
  expect(await elapsed(a.presence.leave("general", "bob", "s2"))).toBeLessThan(500);
  await a.presence.join("general", "in-and-out", "s4");
  await a.presence.leave("general", "in-and-out", "s4");
  await expect(a.presence.users("general")).rejects.toThrow(PresenceUnavailableError);
  expect(await a.metric("presence_redis_up")).toBe(0);
  expect(await a.metric("presence_unrecorded")).toBe(2);

  await redis.restartEmpty();
  await eventually(async () => expect(await a.presence.users("general")).toEqual(["alice", "carol"]));
  await barrier(client(redis), "general", a);
  expect(a.heard.slice(2).sort()).toEqual(["joined general/carol s3", "left general/bob s2"]);
  expect(await a.metric("presence_redis_up")).toBe(1);
  expect(await a.metric("presence_unrecorded")).toBe(0);
});

test("Redis away at the start: nothing fails, and it is made good later", async () => {
  const redis = await redisServer();
  await redis.kill();
  const a = await server(redis);
  await a.presence.join("general", "bob", "s1");
  expect(await elapsed(a.presence.users("general"))).toBeLessThan(500);
  await redis.restartEmpty();
  await eventually(async () => expect(await a.presence.users("general")).toEqual(["bob"]));
  await barrier(client(redis), "general", a);
  expect(a.heard).toEqual(["joined general/bob s1"]);
});

test("a broken connection loses nothing and tells nobody anything", async () => {
  const redis = await redisServer();
  const link = await linkTo(redis);
  const a = await server(link);
  const direct = client(redis);
  await a.presence.join("general", "bob", "s1");
  await barrier(direct, "general", a);
  const putBacks = await a.metric("presence_put_backs_total");
  link.cut();
  await eventually(async () => (await a.metric("presence_put_backs_total")) > putBacks);
  expect(await a.presence.users("general")).toEqual(["bob"]);
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob s1"]);
});

test("what Redis did but could not answer is not done again", async () => {
  const redis = await redisServer();
  const link = await linkTo(redis);
  const a = await server(link);
  const b = await server(redis);
  const direct = client(redis);
  const inRoom = (...users: string[]) =>
    eventually(async () => expect((await direct.smembers("room:general:users")).sort()).toEqual(users));
  const settled = () =>
    eventually(async () => a.presence.available && (await a.metric("presence_unrecorded")) === 0);
  await a.presence.join("general", "bob", "s1");

  link.loseAnswers();
  const left = a.presence.leave("general", "bob", "s1");
  await inRoom();
  link.cut();
  await left;
  await settled();

  link.loseAnswers();
  const joined = a.presence.join("general", "alice", "s2");
  await inRoom("alice");
  const gone = a.presence.leave("general", "alice", "s2");
  link.cut();
  await Promise.all([joined, gone]);
  await settled();

  await inRoom();
  await barrier(direct, "general", b);
  expect(b.heard).toEqual([
    "joined general/bob s1",
    "left general/bob s1",
    "joined general/alice s2",
    "left general/alice s2",
  ]);
});

test("late and repeated commands do nothing", async () => {
  const redis = await redisServer();
  const a = await server(redis, { leaseMilliseconds: 10_000 });
  await a.presence.join("general", "bob", "s1");
  const direct = client(redis);
  const scripts = presenceRedis(redis.url);
  cleanUps.push(() => scripts.disconnect());
  await scripts.connect();
  const [lease, holdings] = [leaseKey(a.incarnation), holdingsKey(a.incarnation)];
  const number = (await direct.get(lease)) ?? "";
  const earlier = String(Number(number) - 1);
  const change = ["joined", "general", "alice", "s2", "1"];

  expect(await scripts.recordChanges(lease, holdings, earlier, ...change)).toBeNull();
  expect(await a.presence.users("general")).toEqual(["bob"]);

  await scripts.renewLease(lease, "disroom:servers", "disroom:epoch", a.incarnation, earlier, "1", "other");
  expect(await direct.get(lease)).toBe(number);
  expect(await direct.pttl(lease)).toBeGreaterThan(1000);

  for (let i = 0; i < 2; i++) {
    expect(await scripts.recordChanges(lease, holdings, number, ...change)).toEqual([]);
  }
  expect(await direct.exists("disroom:room:general:more")).toBe(0);

  const grave = [lease, "disroom:servers", holdings, "disroom:graves", "disroom:grave:too-early"];
  expect(await scripts.bury(...grave, a.incarnation, "too-early")).toBe(0);
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  await barrier(direct, "general", a);
  expect(a.heard).toEqual(["joined general/bob s1", "joined general/alice s2"]);
});

test("Redis frozen: nobody waits for more than a second, and what was in doubt is put right", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "alice", "s1");
  await b.presence.join("general", "bob", "s2");
  redis.freeze();
  const joined = elapsed(a.presence.join("general", "carol", "s3"));
  const left = elapsed(b.presence.leave("general", "bob", "s2"));
  expect(await elapsed(a.presence.users("general"))).toBeLessThan(1500);
  expect(await joined).toBeLessThan(1500);
  expect(await left).toBeLessThan(1500);
  await eventually(() => !a.presence.available && !b.presence.available);
  // Redis gets to see carol's join, on a connection that was given up; and bob comes back.
  await a.presence.leave("general", "carol", "s3");
  await b.presence.join("general", "bob", "s4");
  await b.presence.join("general", "dave", "s5");
  expect(await a.metric("presence_timeouts_total")).toBeGreaterThan(0);

  // All leases ran out by now, but nobody takes anybody away.
  redis.thaw();
  const direct = client(redis);
  await eventually(() => a.presence.available && b.presence.available);
  await eventually(async () => expect(await a.presence.users("general")).toEqual(["alice", "bob", "dave"]));
  for (const { presence } of [a, b]) await presence.join("general", "last", "s6");
  await barrier(direct, "general", a, b);
  expect(await a.presence.users("general")).toEqual(["alice", "bob", "dave", "last"]);
  expect(await a.metric("presence_reaped_servers_total")).toBe(0);
  expect(await b.metric("presence_reaped_servers_total")).toBe(0);
  expect([...a.heard, ...b.heard]).not.toContain("left general/alice");
});

test("a room that Redis cannot record does not keep the others waiting", async () => {
  const redis = await redisServer();
  const a = await server(redis, { rooms: ["broken"] });
  const direct = client(redis);
  await direct.set("room:broken:users", "not a set");
  await Promise.all([
    a.presence.join("broken", "bob", "s1"),
    a.presence.join("general", "bob", "s2"),
    a.presence.join("general", "alice", "s3"),
  ]);
  expect(await a.presence.users("general")).toEqual(["alice", "bob"]);
  await expect(a.presence.users("broken")).rejects.toThrow(PresenceUnavailableError);
  await direct.del("room:broken:users");
  await eventually(async () => expect(await a.presence.users("broken")).toEqual(["bob"]));
  await barrier(direct, "broken", a);
  expect(a.heard).toEqual(["joined broken/bob s1"]);
});

test("stop takes the server's users away and leaves nothing behind", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "bob", "phone");
  await b.presence.join("general", "bob", "laptop");
  await a.presence.join("general", "alice", "s3");
  await a.presence.stop();
  await a.presence.join("general", "too-late", "s4");
  expect(await b.presence.users("general")).toEqual(["bob"]);
  const direct = client(redis);
  await barrier(direct, "general", b);
  expect(b.heard.slice(1)).toEqual(["joined general/alice s3", "left general/alice"]);
  expect(await direct.keys(`*${a.incarnation}*`)).toEqual([]);
  expect(await direct.hkeys("disroom:servers")).toEqual([b.incarnation]);
});

test("stop does not wait for a Redis that is away or frozen", async () => {
  const redis = await redisServer();
  const a = await server(redis);
  const b = await server(redis);
  await a.presence.join("general", "bob", "s1");
  redis.freeze();
  expect(await elapsed(a.presence.stop())).toBeLessThan(2500);
  await redis.kill();
  expect(await elapsed(b.presence.stop())).toBeLessThan(2500);
});

test("10,000 joins at once are recorded and leave within seconds", async () => {
  const redis = await redisServer();
  const a = await server(redis, { leaseMilliseconds: 10_000 });
  const everyone = Array.from({ length: 10_000 }, (_, i) => [`room-${i % 50}`, `user-${i}`, `${i}`] as const);
  await Promise.all(everyone.map((where) => a.presence.join(...where)));
  const direct = client(redis);
  await eventually(async () => (await a.metric("presence_unrecorded")) === 0);
  expect(await direct.scard(`disroom:server:${a.incarnation}:holdings`)).toBe(10_000);
  expect(await a.presence.users("room-7")).toHaveLength(200);
  await a.presence.stop();
  expect(await roomKeys(direct)).toEqual([]);
});

test("whatever happens to the connections, every join and leave is told once and in order", async () => {
  const redis = await redisServer();
  const links = await Promise.all([1, 2, 3].map(() => linkTo(redis)));
  const all = await Promise.all(links.map((link) => server(link)));
  const direct = client(redis);
  const listener = client(redis);
  const heard: string[] = [];
  listener.on("message", (channel: string, text: string) => {
    const { kind, user } = JSON.parse(text) as PresenceEvent;
    heard.push(`${kind} ${channel.split(":")[1]}/${user}`);
  });
  const [rooms, users] = [
    ["one", "two"],
    ["ann", "bob", "cy", "dan", "eve", "flo"],
  ] as const;
  await listener.subscribe(...rooms.map((room) => `room:${room}:presence`));

  const model = new Map<string, Set<string>>();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
  for (let round = 0; round < 60; round++) {
    const work: Promise<void>[] = [];
    if (round % 4 === 0) for (const link of links) link.loseAnswers();
    for (let i = 0; i < 20; i++) {
      const [{ presence, incarnation }, room, user] = [pick(all), pick(rooms), pick(users)];
      const session = `${incarnation}-${pick([1, 2])}`;
      const sessions = model.get(`${room}/${user}`) ?? new Set();
      model.set(`${room}/${user}`, sessions);
      if (sessions.delete(session)) work.push(presence.leave(room, user, session));
      else {
        sessions.add(session);
        work.push(presence.join(room, user, session));
      }
    }
    if (round % 4 === 0) {
      // At some point of what is under way.
      await delay(Math.random() * 20);
      for (const link of links) link.cut();
    }
    if (round % 7 === 0) await direct.script("FLUSH");
    if (round % 3 === 0) await Promise.all(work);
    if (round % 4 === 2) await eventually(() => all.every(({ presence }) => presence.available));
  }

  await eventually(async () => {
    for (const { presence, metric } of all) {
      expect(presence.available).toBe(true);
      expect(await metric("presence_unrecorded")).toBe(0);
    }
  });
  for (const room of rooms) {
    const expected = users.filter((user) => model.get(`${room}/${user}`)?.size);
    expect(await all[0]?.presence.users(room)).toEqual(expected);
  }
  await Promise.all(all.map(({ presence }) => presence.stop()));
  await barrier(direct, "one", { heard });
  await barrier(direct, "two", { heard });
  const here = new Set<string>();
  for (const text of real(heard)) {
    const [kind = "", who = ""] = text.split(" ");
    expect(here.has(who), text).toBe(kind === "left");
    if (kind === "joined") here.add(who);
    else here.delete(who);
  }
  expect([...here]).toEqual([]);
  expect(await roomKeys(direct)).toEqual([]);
});
