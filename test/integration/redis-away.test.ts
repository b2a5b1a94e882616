import { beforeAll, beforeEach, expect, test } from "vitest";
import type { ChatClient } from "../support/chat-client.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

/** What people see while Redis is away: it is of the test's own, so that nobody starts it again. */
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
const cluster = runCluster({
  spec: { server: { replicas: 2 } },
  portFor: (_, to, port) => (to === "redis" ? redis.port : port),
});

const unavailable = "Error: the list of users is not available right now, try again in a moment";
const servers = ["server-1", "server-2"] as const;
beforeEach(() => untilRedisIsUp(1));

const untilRedisIsUp = (up: 0 | 1): Promise<unknown> =>
  eventually(
    async () => {
      for (const server of servers)
        expect(await cluster.metric(server, "disroom_presence_redis_up")).toBe(up);
    },
    { milliseconds: 30_000 },
  );

async function join(room: string, user: string, server: string): Promise<ChatClient> {
  const client = await cluster.connect(server);
  client.type(`join ${room} ${user}`);
  await client.reads(`Joined room ${room} as ${user}\n`);
  return client;
}

/** Each says something that all see. */
async function talk(
  text: string,
  ...members: (readonly [user: string, client: ChatClient])[]
): Promise<void> {
  for (const [user, client] of members) {
    client.type(`send ${text}`);
    for (const [, member] of members) await member.line(new RegExp(`^\\[.{8}\\] ${user}: ${text}$`));
  }
}

async function users(client: ChatClient): Promise<string> {
  client.type("users");
  const [line] = await client.line(/^(?:Users in .*|Error: .*)$/);
  return line;
}

test.each([
  ["is killed and comes back empty", () => redis.kill(), () => redis.restartEmpty()],
  ["stands still and goes on", () => redis.freeze(), () => redis.thaw()],
] as const)(
  "while Redis %s, users says so, chat and joins go on, and the list is right again",
  async (_, leave, comeBack) => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice", "server-1");
    const bob = await cluster.member(room, "bob", "server-2");
    const dave = await cluster.member(room, "dave", "server-2");
    expect(await users(alice)).toBe(`Users in ${room}: alice, bob, dave`);

    await leave();
    // At once, too, when no server has found out yet.
    for (const member of [alice, bob]) expect(await users(member)).toBe(unavailable);
    const carol = await join(room, "carol", "server-2");
    expect(await users(carol)).toBe(unavailable);
    dave.type("exit");
    await dave.line("Goodbye!");
    await dave.ended();
    await talk("still here", ["alice", alice], ["bob", bob], ["carol", carol]);
    carol.type("history");
    await carol.line(/^\[.{19}\] alice: still here$/);
    await untilRedisIsUp(0);
    for (const member of [alice, bob, carol]) expect(await users(member)).toBe(unavailable);

    await comeBack();
    for (const member of [alice, bob, carol]) {
      await eventually(async () => expect(await users(member)).toBe(`Users in ${room}: alice, bob, carol`), {
        milliseconds: 30_000,
      });
    }
    await talk("back again", ["alice", alice], ["bob", bob], ["carol", carol]);
    // Who comes and goes is told again.
    const erin = await cluster.member(room, "erin", "server-2");
    await alice.line(`* erin joined ${room}`);
    erin.type("exit");
    await alice.line(`* erin left ${room}`);
    expect(await users(bob)).toBe(`Users in ${room}: alice, bob, carol`);
  },
);
