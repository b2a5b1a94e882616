import { expect, test } from "vitest";
import { goneMembers, isComplete, type Member } from "../../../../src/operator/nats/meta-group.ts";

const pods = ["demo-nats-0", "demo-nats-1", "demo-nats-2"];
const here = (name: string): Member => ({ name, id: name, current: true, present: true });
const behind = (name: string): Member => ({ ...here(name), current: false });
const away = (name: string): Member => ({ ...here(name), current: false, present: false });
const three = ["demo-nats-0-aaaa", "demo-nats-1-bbbb", "demo-nats-2-cccc"].map(here);

const gone = (...members: Member[]): string[] =>
  goneMembers({ size: members.length, members }, pods).map(({ name }) => name);

test("nodes that are away keep their votes: they come back", () => {
  expect(gone(here("demo-nats-0-aaaa"), away("demo-nats-1-bbbb"), away("demo-nats-2-cccc"))).toEqual([]);
});

test("a node whose pod is another node now is gone, when that one has all that there is", () => {
  expect(gone(...three, away("demo-nats-2-dddd"))).toEqual(["demo-nats-2-dddd"]);
  expect(gone(...three.slice(0, 2), behind("demo-nats-2-cccc"), away("demo-nats-2-dddd"))).toEqual([]);
});

test("one that has only just died does not make the node gone that comes in its place", () => {
  // The leader has not noticed yet.
  const dead: Member = { ...here("demo-nats-2-dddd"), present: false };
  expect(gone(...three.slice(0, 2), behind("demo-nats-2-cccc"), dead)).toEqual([]);
});

test("a node too many is gone when it is away", () => {
  expect(gone(...three, away("demo-nats-3-eeee"), here("demo-nats-4-ffff"))).toEqual(["demo-nats-3-eeee"]);
});

test("a node whose name nobody knows may be one that comes back, until each pod has another one", () => {
  // By a leader that has not met it since it started.
  const unnamed: Member = { ...away("Server name unknown at this time (peerID: jGlHTTGd)"), id: "jGlHTTGd" };
  expect(gone(...three.slice(0, 2), unnamed)).toEqual([]);
  expect(gone(...three.slice(0, 2), behind("demo-nats-2-dddd"), unnamed)).toEqual([]);
  expect(gone(...three, unnamed)).toEqual([unnamed.name]);
});

test("a group is complete with as many nodes as there are to be, all of them there and up to date", () => {
  expect(isComplete({ size: 3, members: three }, 3)).toBe(true);
  expect(isComplete({ size: 3, members: three }, 5)).toBe(false);
  // One of them is known by number only.
  expect(isComplete({ size: 4, members: three }, 3)).toBe(false);
  expect(isComplete({ size: 3, members: [...three.slice(1), behind("demo-nats-0-aaaa")] }, 3)).toBe(false);
  expect(isComplete({ size: 3, members: [...three.slice(1), { ...here("x-0"), present: false }] }, 3)).toBe(
    false,
  );
});
