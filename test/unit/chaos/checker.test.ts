import { expect, test } from "vitest";
import { check } from "../../chaos/checker.ts";
import type { Connection, History, Outcome, RefusedAmong, SentMessage } from "../../chaos/history.ts";

/** A made-up run of one room: who sent what over which connection, what the log holds, who received what. */
type Story = {
  /** `ann-0: accepted`, sent at 100, 200, ... with the echo 50 later, by the connection of that user. */
  readonly sent?: Readonly<Record<string, Outcome>>;
  readonly log?: readonly string[];
  /** What each connection received; joined at 10 unless `joined` says otherwise. */
  readonly received?: Readonly<Record<string, readonly string[]>>;
  readonly joined?: Readonly<Record<string, number>>;
  /** Connections that did not stay to the end. */
  readonly gone?: readonly string[];
  readonly refusedAmong?: readonly RefusedAmong[];
};

const users = ["ann", "bob"];

function historyOf({
  sent = { "ann-0": "accepted", "ann-1": "accepted", "bob-2": "accepted", "ann-3": "accepted" },
  log = Object.keys(sent),
  received = {},
  joined = {},
  gone = [],
  refusedAmong = [],
}: Story): History {
  const messages = Object.entries(sent).map(([id, outcome], index): [string, SentMessage] => {
    const user = id.split("-")[0] ?? "";
    const sentAt = 100 * (index + 1);
    const connection = users.indexOf(user);
    return [id, { id, user, room: "den", connection, sentAt, outcome, outcomeAt: sentAt + 50 }];
  });
  const connections = users.map((user, number): Connection => {
    const joinedAt = joined[user] ?? 10;
    return {
      number,
      user,
      room: "den",
      server: "server-1",
      openedAt: 0,
      joinSentAt: joinedAt - 5,
      joinedAt,
      ...(gone.includes(user) && { endedAt: 5000, endedBy: "connection lost" }),
      received: (received[user] ?? log).map((id, index) => ({ id, at: 1000 + index })),
      gapsTold: 0,
    };
  });
  const stored = log.map((id, index) => ({
    id,
    user: id.split("-")[0] ?? "",
    sequence: index + 1,
    batch: "b",
    storedAt: 0,
  }));
  return { messages: new Map(messages), connections, refusedAmong, logs: new Map([["den", stored]]) };
}

const found = (story: Story): string[] => check(historyOf(story)).map(({ kind, id }) => `${kind}: ${id}`);

test("nothing is wrong with a run in which everybody has the log", () => {
  expect(found({})).toEqual([]);
});

test("an accepted message that is not in the log is lost", () => {
  expect(found({ log: ["ann-0", "bob-2", "ann-3"] })).toEqual(["lost: ann-1"]);
});

test("an unknown message may be in the log or not, and a refused one is not", () => {
  const sent = { "ann-0": "unknown", "ann-1": "unknown", "bob-2": "refused" } as const;
  expect(found({ sent, log: ["ann-1"] })).toEqual([]);
});

test("a refused message that is stored is found", () => {
  expect(found({ sent: { "ann-0": "accepted", "ann-1": "refused" } })).toEqual(["refused but stored: ann-1"]);
});

test("of messages among which one was refused, one at least must not be stored", () => {
  const sent = { "ann-0": "unknown", "ann-1": "unknown" } as const;
  const refusedAmong = [{ ids: ["ann-0", "ann-1"], refused: 1 }];
  expect(found({ sent, refusedAmong, log: ["ann-1"] })).toEqual([]);
  expect(found({ sent, refusedAmong })).toEqual(["refused but stored: ann-0"]);
});

test("a message twice in the log is duplicated, an unknown one too", () => {
  const sent = { "ann-0": "unknown", "bob-1": "accepted" } as const;
  const story = {
    sent,
    log: ["ann-0", "bob-1", "ann-0"],
    received: { ann: ["ann-0", "bob-1"], bob: ["ann-0", "bob-1"] },
  };
  expect(found(story)).toContain("duplicated: ann-0");
});

test("a message that a connection received twice is duplicated", () => {
  const received = { bob: ["ann-0", "ann-1", "ann-1", "bob-2", "ann-3"] };
  expect(found({ received })).toEqual(["duplicated: ann-1"]);
});

test("a connection that received another order than the log's is found", () => {
  const received = { bob: ["ann-0", "bob-2", "ann-1", "ann-3"] };
  expect(found({ received })).toEqual(["reordered: ann-1"]);
});

test("a log that has not the order of sending of one connection is found", () => {
  expect(found({ log: ["ann-1", "ann-0", "bob-2", "ann-3"] })).toEqual(["reordered: ann-0"]);
});

test("the log's order of two connections is free", () => {
  expect(found({ log: ["bob-2", "ann-0", "ann-1", "ann-3"] })).toEqual([]);
});

test("a hole in what a connection received is a loss, also at the end of one that stayed", () => {
  expect(found({ received: { bob: ["ann-0", "bob-2", "ann-3"] } })).toEqual(["lost: ann-1"]);
  expect(found({ received: { bob: ["ann-0", "ann-1"] } })).toEqual(["lost: bob-2", "lost: ann-3"]);
  expect(found({ received: { bob: ["ann-0", "ann-1"] }, gone: ["bob"] })).toEqual([]);
});

test("a connection has what was sent after it had joined, and may lack what was sent before", () => {
  expect(found({ received: { bob: ["bob-2", "ann-3"] }, joined: { bob: 250 } })).toEqual([]);
  expect(found({ received: { bob: ["ann-3"] }, joined: { bob: 250 } })).toEqual(["lost: bob-2"]);
});

test("what was seen before a join was asked for is not for who joins", () => {
  expect(found({ joined: { bob: 280 } })).toEqual(["too early: ann-0", "too early: ann-1"]);
});

test("what was received but is in no log is found", () => {
  const received = { bob: ["ann-0", "ann-1", "ghost-9", "bob-2", "ann-3"] };
  expect(found({ received })).toEqual(["not stored: ghost-9"]);
});
