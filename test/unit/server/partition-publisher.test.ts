import { ClosedConnectionError } from "@nats-io/transport-node";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { formatBatchId, maxBatchMessages, newIncarnation } from "../../../src/chat/batch.ts";
import { escapedContent, messageHead, messageTail } from "../../../src/chat/message.ts";
import { headers } from "../../../src/chat/subjects.ts";
import { PartitionPublisher } from "../../../src/server/partition-publisher.ts";
import { type Attempt, FakeQueue, full, noDisk, noLeader } from "./fake-queue.ts";
import { quietLog, quietMetrics } from "./quiet.ts";

const incarnation = newIncarnation();
const sendTimeout = 10_000;
const unknown = "message not confirmed, it may still appear";
const noAnswer = "message not stored: the message queue does not answer";
const queueFull = "message not stored: the message queue is full, try again later";

beforeEach(() => {
  vi.useFakeTimers({
    toFake: [
      "setTimeout",
      "clearTimeout",
      "setInterval",
      "clearInterval",
      "setImmediate",
      "performance",
      "Date",
    ],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
/** Until the end of this turn of the event loop, and of what it has set going. */
const turn = () => pass(0);

/** A publisher of partition 3 whose senders keep what they are told, as a server looks after it. */
function publishing({ bufferBytes = 4_000_000 } = {}) {
  const queue = new FakeQueue();
  const publisher = new PartitionPublisher(3, {
    requests: queue.requests,
    incarnation,
    bufferBytes,
    sendTimeout,
    metrics: quietMetrics,
    log: quietLog,
  });
  const timer = setInterval(() => publisher.expire(performance.now()), 250);
  const told = new Map<string, string[]>();
  const accept = (text: string, room = "general"): boolean => {
    const outcomes: string[] = [];
    const sender = {
      stored: () => outcomes.push("stored"),
      failed: (problem: string) => outcomes.push(problem),
    };
    const message = {
      head: messageHead(room, "alice"),
      content: escapedContent(text),
      tail: messageTail("2026-01-02T10:00:00.000Z"),
    };
    const accepted = publisher.accept(room, message, sender);
    if (accepted) told.set(text, outcomes);
    return accepted;
  };
  /** Hands over messages, each in a turn of its own. */
  const acceptEach = async (...texts: string[]) => {
    for (const text of texts) {
      accept(text);
      await turn();
    }
  };
  return { queue, publisher, told, accept, acceptEach, stop: () => clearInterval(timer) };
}

describe("a batch", () => {
  it("is all that comes in one turn of the event loop, at once when nothing is under way", async () => {
    const { queue, accept } = publishing();
    accept("1");
    accept("2", "random");
    accept("3");
    expect(queue.attempts).toEqual([]);
    await turn();
    expect(queue.open.rooms).toEqual({ general: ["1", "3"], random: ["2"] });
    expect(queue.open.subject).toBe("room.global_messages.3");
  });

  it("carries its id, and when it was made", async () => {
    const { queue, publisher, acceptEach } = publishing();
    vi.setSystemTime(1_767_348_000_000);
    await acceptEach("1");
    const batchId = (counter: number) => formatBatchId({ producer: incarnation, partition: 3, counter });
    expect(queue.open.headers.get(headers.batch)).toBe(batchId(1));
    expect(queue.open.headers.get(headers.created)).toBe("1767348000000");
    queue.open.store();
    publisher.stored(1, "general");
    await acceptEach("2");
    expect(queue.open.headers.get(headers.batch)).toBe(batchId(2));
  });

  it("that is tried again has the id and the time of the first try, and the same content", async () => {
    const { queue, accept, acceptEach } = publishing();
    await acceptEach("1");
    accept("2");
    const first = queue.open;
    await pass(2000 + 100);
    const second = queue.open;
    expect(second).not.toBe(first);
    expect(second.rooms).toEqual({ general: ["1"] });
    for (const name of [headers.batch, headers.created, headers.sections]) {
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    }
  });
});

describe("the order", () => {
  it("is kept by publishing one batch at a time", async () => {
    const { queue, acceptEach } = publishing();
    await acceptEach("1", "2", "3");
    expect(queue.attempts).toHaveLength(1);
    queue.open.store();
    await turn();
    expect(queue.open.texts).toEqual(["2", "3"]);
  });

  it("is kept while the first batch goes unanswered: nothing overtakes it", async () => {
    const { queue, acceptEach } = publishing();
    await acceptEach("1", "2");
    await pass(6000);
    expect(queue.attempts.map(({ texts }) => texts)).toEqual([["1"], ["1"], ["1"]]);
    queue.open.store();
    await turn();
    expect(queue.open.texts).toEqual(["2"]);
  });

  it("goes on behind a batch that was given up for good", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    await pass(5000);
    await acceptEach("2");
    await pass(6000);
    expect(told.get("1")).toEqual([unknown]);
    expect(queue.open.texts).toEqual(["2"]);
    expect(queue.open.counter).toBe(2);
    const lastOfFirst = queue.attempts.findLast(({ counter }) => counter === 1) as Attempt;
    expect(queue.open.startedAt - lastOfFirst.startedAt).toBeGreaterThanOrEqual(2000);
  });

  it("goes on behind a batch that was refused", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1", "2");
    queue.open.refuse(full);
    await turn();
    expect(told.get("1")).toEqual([queueFull]);
    expect(queue.open.texts).toEqual(["2"]);
    expect(queue.open.counter).toBe(2);
  });
});

describe("a partial batch", () => {
  async function twoUnfinished() {
    const all = publishing();
    await all.acceptEach("1");
    all.queue.open.store();
    await turn();
    await all.acceptEach("2");
    all.queue.open.store();
    await turn();
    await all.acceptEach("3", "4");
    return all;
  }

  it("waits while two are not yet stored in their rooms", async () => {
    const { queue } = await twoUnfinished();
    await pass(1000);
    expect(queue.attempts).toHaveLength(2);
  });

  it.each<[string, (publisher: PartitionPublisher) => void]>([
    ["is stored", (publisher) => publisher.stored(1, "general")],
    [
      "is set aside",
      (publisher) => {
        publisher.refused(1, "general", "it is too large");
        publisher.finished(1);
      },
    ],
  ])("goes as soon as one of them %s", async (_, end) => {
    const { queue, publisher } = await twoUnfinished();
    end(publisher);
    await turn();
    expect(queue.open.texts).toEqual(["3", "4"]);
  });

  it("waits on for a batch that a worker is through with, but whose members do not have it", async () => {
    const { queue, publisher } = await twoUnfinished();
    publisher.finished(1);
    await turn();
    expect(queue.attempts).toHaveLength(2);
  });

  it("goes after two seconds without news", async () => {
    const { queue } = await twoUnfinished();
    await pass(2500);
    expect(queue.open.texts).toEqual(["3", "4"]);
  });

  it("does not wait once it is full", async () => {
    const { queue, accept } = await twoUnfinished();
    for (let i = 2; i < maxBatchMessages; i++) accept(`more ${i}`);
    await turn();
    expect(queue.open.texts).toHaveLength(maxBatchMessages);
    expect(queue.open.texts.slice(0, 3)).toEqual(["3", "4", "more 2"]);
  });

  it("does not wait once another one waits behind it", async () => {
    const { queue, accept } = await twoUnfinished();
    for (let i = 0; i < 20; i++) accept(`${i} ${"x".repeat(30_000)}`);
    await turn();
    expect(queue.attempts).toHaveLength(3);
    expect(queue.open.texts.length).toBeLessThan(20);
    queue.open.store();
    await turn();
    // What is left is a partial one again.
    expect(queue.attempts).toHaveLength(3);
  });
});

test("bytes that the queue has are not counted as waiting here, those that it may not have are", async () => {
  const { queue, publisher, acceptEach } = publishing();
  expect(publisher.unqueuedBytes).toBe(0);
  await acceptEach("1");
  const each = publisher.unqueuedBytes;
  expect(each).toBeGreaterThan(0);
  await acceptEach("2", "3");
  expect(publisher.unqueuedBytes).toBe(3 * each);
  // Unanswered, the first is tried again.
  await pass(2000 + 100);
  expect(publisher.unqueuedBytes).toBe(3 * each);
  queue.open.store();
  await turn();
  expect(queue.open.texts).toEqual(["2", "3"]);
  expect(publisher.unqueuedBytes).toBe(2 * each);
  queue.open.store();
  await turn();
  expect(publisher.unqueuedBytes).toBe(0);
  expect(publisher.idle).toBe(false);
});

describe("a sender is told", () => {
  it("that its message is stored when its members have it, and not before", async () => {
    const { queue, publisher, told, accept } = publishing();
    accept("1");
    accept("2", "random");
    await turn();
    queue.open.store();
    await turn();
    publisher.finished(1);
    expect([...told.values()]).toEqual([[], []]);
    publisher.stored(1, "random");
    expect([...told.values()]).toEqual([[], ["stored"]]);
    publisher.stored(1, "general");
    publisher.stored(1, "general");
    expect([...told.values()]).toEqual([["stored"], ["stored"]]);
    expect([publisher.idle, publisher.bytes]).toEqual([true, 0]);
    await pass(20_000);
    expect([...told.values()]).toEqual([["stored"], ["stored"]]);
  });

  it("that its message is stored also when the echo is quicker than the queue's answer", async () => {
    const { queue, publisher, told, acceptEach } = publishing();
    await acceptEach("1", "2");
    publisher.stored(1, "general");
    expect(told.get("1")).toEqual(["stored"]);
    await turn();
    expect(queue.attempts).toHaveLength(1);
    queue.open.store();
    await turn();
    expect(queue.open.texts).toEqual(["2"]);
  });

  it("that its message is stored also when no publish was ever answered", async () => {
    const { queue, publisher, told, acceptEach } = publishing();
    await acceptEach("1", "2");
    await pass(1000);
    publisher.stored(1, "general");
    await pass(2000);
    expect(told.get("1")).toEqual(["stored"]);
    expect(queue.attempts.map(({ texts }) => texts)).toEqual([["1"], ["2"]]);
  });

  it("that the queue is full", async () => {
    const { queue, publisher, told, acceptEach } = publishing();
    await acceptEach("1");
    queue.open.refuse(full);
    await turn();
    expect(told.get("1")).toEqual([queueFull]);
    expect([publisher.idle, publisher.bytes]).toEqual([true, 0]);
    await pass(20_000);
    expect(queue.attempts).toHaveLength(1);
    expect(told.get("1")).toEqual([queueFull]);
  });

  it("that it is unknown when the leader's disk failed: its replicas may have the message", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    queue.open.refuse(noDisk);
    await turn();
    expect(told.get("1")).toEqual([]);
    await pass(20_000);
    expect(queue.attempts.length).toBeGreaterThan(1);
    expect(told.get("1")).toEqual([unknown]);
  });

  it("that its room's part was set aside, and why", async () => {
    const { queue, publisher, told, accept } = publishing();
    accept("1");
    accept("2", "random");
    await turn();
    queue.open.store();
    await turn();
    publisher.refused(1, "general", "it is too large");
    expect([...told.values()]).toEqual([["message not stored: it is too large"], []]);
    publisher.stored(1, "random");
    expect([...told.values()]).toEqual([["message not stored: it is too large"], ["stored"]]);
    expect(publisher.idle).toBe(true);
  });

  it("nothing of batches that it has no part in", async () => {
    const { publisher, told, acceptEach } = publishing();
    await acceptEach("1");
    publisher.stored(2, "general");
    publisher.stored(1, "random");
    publisher.refused(7, "general", "why");
    publisher.finished(7);
    expect(told.get("1")).toEqual([]);
  });
});

describe("after the send time-out a sender is told", () => {
  it("that it is unknown, when the queue has its message", async () => {
    const { queue, publisher, told, acceptEach } = publishing();
    await acceptEach("1");
    queue.open.store();
    await pass(9999);
    expect(told.get("1")).toEqual([]);
    await pass(251);
    expect(told.get("1")).toEqual([unknown]);
    expect([publisher.idle, publisher.bytes]).toEqual([true, 0]);
    publisher.stored(1, "general");
    expect(told.get("1")).toEqual([unknown]);
  });

  it("that it is unknown, when the queue did not answer", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    await pass(10_250);
    expect(told.get("1")).toEqual([unknown]);
    const { length } = queue.attempts;
    await pass(60_000);
    expect(queue.attempts).toHaveLength(length);
  });

  it("that it is unknown, when one try went unanswered and all others were refused", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    await pass(2000);
    queue.onAttempt = (attempt) => attempt.refuse(full);
    await pass(3000);
    expect(told.get("1")).toEqual([]);
    queue.onAttempt = (attempt) => attempt.noResponders();
    await pass(5250);
    expect(queue.attempts.length).toBeGreaterThan(50);
    expect(told.get("1")).toEqual([unknown]);
  });

  it("that it is unknown, when the connection broke under the publish", async () => {
    const { queue, told, acceptEach } = publishing();
    queue.onAttempt = (attempt) => attempt.fail(new ClosedConnectionError());
    await acceptEach("1");
    await pass(10_250);
    expect(told.get("1")).toEqual([unknown]);
  });

  it.each<[string, (attempt: Attempt) => void]>([
    ["nobody was there to take it", (attempt) => attempt.noResponders()],
    ["the queue had no leader", (attempt) => attempt.refuse(noLeader)],
  ])("that it is not stored, when %s", async (_, answer) => {
    const { queue, told, acceptEach } = publishing();
    queue.onAttempt = answer;
    await acceptEach("1");
    await pass(10_250);
    expect(told.get("1")).toEqual([noAnswer]);
  });

  it("that it is not stored, when its batch was never published", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    await pass(10);
    await acceptEach("2");
    // The first one's last try is under way for longer than the second one can wait.
    await pass(10_250 - 10);
    expect(queue.attempts.every(({ texts }) => texts[0] === "1")).toBe(true);
    expect(told.get("1")).toEqual([unknown]);
    await pass(250);
    expect(told.get("2")).toEqual([noAnswer]);
    await pass(20_000);
    expect(queue.attempts.every(({ texts }) => texts[0] === "1")).toBe(true);
  });

  it("and its message is left out of the batch that waited with it", async () => {
    const { queue, told, acceptEach } = publishing();
    await acceptEach("1");
    await pass(300);
    await acceptEach("2");
    await pass(2000);
    await acceptEach("3");
    await pass(8250);
    expect(told.get("2")).toEqual([noAnswer]);
    expect(told.get("3")).toEqual([]);
    expect(queue.open.texts).toEqual(["3"]);
  });

  it("that it is not stored only if it is never stored after that", async () => {
    const { queue, told, acceptEach } = publishing();
    queue.onAttempt = (attempt) => attempt.noResponders();
    await acceptEach("1");
    await pass(300);
    // These two wait together behind the first one, and are then published together.
    await acceptEach("2");
    await pass(1000);
    await acceptEach("3");
    await pass(9500);
    queue.onAttempt = (attempt) => attempt.store();
    await pass(200);
    expect(queue.attempts.at(-1)?.texts).toContain("3");
    expect(told.get("3")).toEqual([]);
    const stored = new Set(queue.attempts.at(-1)?.texts);
    const wronglyTold = [...told].filter(([text, [outcome]]) => stored.has(text) && outcome === noAnswer);
    expect(wronglyTold).toEqual([]);
  });
});

describe("the buffer", () => {
  const big = "x".repeat(10_000);

  it("takes nothing more once it is full, and says when to ask again", async () => {
    const { queue, publisher, accept } = publishing({ bufferBytes: 50_000 });
    let asked = 0;
    let count = 0;
    while (accept(`${count} ${big}`)) count++;
    expect(count).toBe(5);
    expect(publisher.bytes).toBeGreaterThanOrEqual(50_000);
    publisher.whenDrained(() => asked++);
    expect(accept("x")).toBe(false);
    await turn();
    queue.open.store();
    await turn();
    expect([asked, accept("x")]).toEqual([0, false]);
    publisher.stored(1, "general");
    expect([asked, accept("x")]).toEqual([1, true]);
    await pass(20_000);
    expect(asked).toBe(1);
  });

  it("says so only when half of it is free", async () => {
    const { queue, publisher, accept } = publishing({ bufferBytes: 50_000 });
    let asked = 0;
    accept(`1 ${big}`);
    await turn();
    queue.open.store();
    await turn();
    for (let i = 2; i <= 4; i++) accept(`${i} ${big}`);
    await turn();
    accept(`5 ${big}`);
    expect(accept("x")).toBe(false);
    publisher.whenDrained(() => asked++);
    publisher.stored(1, "general");
    expect(asked).toBe(0);
    queue.open.store();
    await turn();
    publisher.stored(2, "general");
    expect(asked).toBe(1);
  });

  it("is freed by a refusal, and by the time-out", async () => {
    const { queue, publisher, accept } = publishing({ bufferBytes: 20_000 });
    let asked = 0;
    while (accept(`${publisher.bytes} ${big}`));
    publisher.whenDrained(() => asked++);
    await turn();
    queue.open.refuse(full);
    await turn();
    expect([asked, publisher.bytes]).toEqual([1, 0]);
    while (accept(`${publisher.bytes} ${big}`));
    publisher.whenDrained(() => asked++);
    await pass(10_250);
    expect([asked, publisher.bytes]).toEqual([2, 0]);
  });

  it("counts small messages for what they cost in memory", () => {
    const { publisher, accept } = publishing({ bufferBytes: 50_000 });
    let count = 0;
    while (accept(`${count}`)) count++;
    expect(count).toBeLessThan(250);
    expect(publisher.bytes).toBeGreaterThanOrEqual(50_000);
  });

  it("lets those who wait fill it up again, and wait again", async () => {
    const { queue, publisher, accept } = publishing({ bufferBytes: 50_000 });
    let next = 0;
    let waiting = 0;
    const flood = (): void => {
      waiting--;
      while (accept(`${next} ${big}`)) next++;
      waiting++;
      publisher.whenDrained(flood);
    };
    waiting++;
    flood();
    queue.onAttempt = (attempt) => {
      attempt.store();
      setTimeout(() => publisher.stored(attempt.counter, "general"), 1);
    };
    await pass(1000);
    expect(waiting).toBe(1);
    expect(next).toBeGreaterThan(100);
    expect(publisher.bytes).toBeLessThan(70_000);
    const sent = queue.attempts.flatMap(({ texts }) => texts).map((text) => Number.parseInt(text, 10));
    expect(sent).toEqual(sent.map((_, i) => i));
  });

  it("knows since when the oldest message waits", async () => {
    const { queue, publisher, accept, acceptEach } = publishing();
    expect(publisher.oldestWaiting()).toBeUndefined();
    const start = performance.now();
    await acceptEach("1");
    await pass(100);
    await acceptEach("2");
    expect(publisher.oldestWaiting()).toBe(start);
    publisher.stored(1, "general");
    expect(publisher.oldestWaiting()).toBe(start + 100);
    queue.open.store();
    await turn();
    accept("3");
    publisher.stored(2, "general");
    expect(publisher.oldestWaiting()).toBe(start + 100);
  });
});

type Fate = "stored" | "stored, no answer" | "lost" | "stored late" | "full" | "no responders" | "no leader";
const fate = fc.constantFrom<Fate[]>(
  "stored",
  "stored, no answer",
  "lost",
  "stored late",
  "full",
  "no responders",
  "no responders",
  "no leader",
);

it("whatever becomes of its tries, a message has one outcome, and it is true", async () => {
  const message = fc.record({
    after: fc.constantFrom(0, 0, 1, 90, 400, 3000),
    room: fc.constantFrom("a", "b"),
  });
  // Each fate lasts for some time, as an outage does.
  const weather = fc.array(fc.record({ fate, lasts: fc.constantFrom(0, 1, 500, 5000, 10_500) }), {
    minLength: 1,
    maxLength: 12,
    size: "max",
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 20, size: "max" }),
      weather,
      fc.constantFrom(1, 50, 3000, 11_000),
      async (messages, fates, storeTime) => {
        const { queue, publisher, told, accept, stop } = publishing();
        const inQueue: Attempt[] = [];
        const roomHas = new Set<string>();
        const order: string[] = [];
        const toldStored: string[] = [];
        /** As a worker does: leaves out what its room has, then tells the server. */
        const take = (attempt: Attempt): void => {
          inQueue.push(attempt);
          setTimeout(() => {
            for (const [room, texts] of Object.entries(attempt.rooms)) {
              for (const text of texts) {
                if (!roomHas.has(text)) order.push(text);
                roomHas.add(text);
              }
              publisher.stored(attempt.counter, room);
            }
            publisher.finished(attempt.counter);
          }, storeTime);
        };
        const start = performance.now();
        const fateNow = (): Fate => {
          let until = start;
          for (const { fate, lasts } of fates) {
            until += lasts;
            if (performance.now() < until) return fate;
          }
          return "stored";
        };
        let open: Attempt | undefined;
        queue.onAttempt = (attempt) => {
          expect(open?.answered ?? true, "one publish is under way at a time").toBe(true);
          expect(attempt.counter, "nothing overtakes").toBeGreaterThanOrEqual(open?.counter ?? 0);
          open = attempt;
          switch (fateNow()) {
            case "stored":
              attempt.store();
              return take(attempt);
            case "stored, no answer":
              return take(attempt);
            case "stored late":
              setTimeout(() => take(attempt), 5000);
              return;
            case "full":
              return attempt.refuse(full);
            case "no responders":
              return attempt.noResponders();
            case "no leader":
              return attempt.refuse(noLeader);
            case "lost":
          }
        };
        for (const [i, { after, room }] of messages.entries()) {
          await pass(after);
          accept(`${i}`, room);
        }
        await pass(60_000);
        stop();

        const everStored = new Set(inQueue.flatMap(({ texts }) => texts));
        for (const [text, outcomes] of told) {
          expect(outcomes, `message ${text}`).toHaveLength(1);
          if (outcomes[0] === "stored") toldStored.push(text);
          if (outcomes[0] === "stored") expect(roomHas).toContain(text);
          else if (outcomes[0] !== unknown) expect(everStored, outcomes[0] as string).not.toContain(text);
        }
        const ofRoom = (texts: string[], room: string) =>
          texts.filter((text) => messages[Number(text)]?.room === room);
        for (const room of ["a", "b"]) {
          const confirmed = new Set(ofRoom(toldStored, room));
          const stored = ofRoom(order, room).filter((text) => confirmed.has(text));
          expect(stored, "a room has what is confirmed in the order in which it came").toEqual(
            [...confirmed].toSorted((one, other) => Number(one) - Number(other)),
          );
        }
        expect([publisher.idle, publisher.bytes, queue.idle]).toEqual([true, 0, true]);
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);
