import { expect, test } from "vitest";
import { newRoom, runCluster } from "../support/cluster.ts";

const cluster = runCluster({ spec: { server: { replicas: 2, limits: { messagesPerSecond: 0 } } } });

const texts = (history: string): string[] =>
  [...history.matchAll(/^\[.{19}\] \w+: (.*)$/gm)].map((match) => match[1] ?? "");
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `text ${from + i}`);

test("is the last 100 messages exactly, whether each is stored by itself or many together", async () => {
  const room = newRoom();
  const alice = await cluster.member(room, "alice", "server-1");
  const bob = await cluster.member(room, "bob", "server-2");
  const history = async (client: typeof alice, last: string): Promise<string[]> => {
    await client.line(new RegExp(`^\\[.{8}\\] alice: ${last}$`));
    client.type("history", "users");
    return texts(await client.upTo("Users in"));
  };
  // One by one: each is a section of its own.
  for (const text of numbers(0, 130)) {
    alice.type(`send ${text}`);
    await alice.line(new RegExp(`alice: ${text}$`));
  }
  expect(await history(bob, "text 129")).toEqual(numbers(30, 130));
  // Many together behind them: some sections hold a part of what is asked for.
  alice.type(...numbers(130, 170).map((text) => `send ${text}`));
  expect(await history(bob, "text 169")).toEqual(numbers(70, 170));
  // More than 100 in one go.
  alice.type(...numbers(170, 420).map((text) => `send ${text}`), "history");
  await alice.line(/^\[.{8}\] alice: text 419$/);
  expect(texts(await alice.upTo("alice: text 419\n"))).toEqual(numbers(320, 420));
  expect(await history(bob, "text 419")).toEqual(numbers(320, 420));
});
