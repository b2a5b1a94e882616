import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatBatchId } from "../../../src/chat/batch.ts";
import type { StoredSection } from "../../../src/chat/room-log.ts";
import { type Kept, openRoom, RoomInAStream, unavailable, Viewer } from "./room-in-a-stream.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const linesOf = (sections: readonly Kept[]) => sections.map(({ lines }) => lines).join("");

/** A stream with some sections, and a room that has begun behind them. */
function begun(count = 3) {
  const stream = new RoomInAStream();
  const old = Array.from({ length: count }, () => stream.store());
  const opened = openRoom(stream);
  opened.room.begin(stream.last);
  return { stream, old, ...opened };
}

describe("delivering", () => {
  it("begins behind the last section of the log", async () => {
    const { stream, room, old, member, delivered } = begun();
    for (const section of old) room.receive(section.live);
    const next = stream.store({ messages: 2 });
    room.receive(next.live);
    await pass(10);
    expect(member.text).toBe(next.lines);
    expect(delivered).toEqual([next.live.batch]);
    expect(room.last).toBe(next.live.sequence);
    expect(stream.reads).toBe(0);
  });

  it("waits until the end of the log is known, and then gives what came meanwhile", async () => {
    const stream = new RoomInAStream();
    const { room, member } = openRoom(stream);
    room.receive(stream.store().live);
    const last = stream.last;
    const after = [stream.store(), stream.store()];
    room.receive(after[1]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe("");
    room.begin(last);
    await pass(100);
    expect(member.text).toBe(linesOf(after));
  });

  it("begins with the first section of a room that had none", async () => {
    const { stream, room, member } = begun(0);
    const all = [stream.store({ others: 7 }), stream.store()];
    for (const { live } of all) room.receive(live);
    await pass(10);
    expect(member.text).toBe(linesOf(all));
  });

  it("of all that comes in one turn is one write, the same buffer to every member", async () => {
    const { stream, room, member } = begun();
    const other = new Viewer();
    room.members.add(other);
    const all = [stream.store({ messages: 2 }), stream.store({ producer: "q" }), stream.store()];
    for (const { live } of all) room.receive(live);
    expect(member.writes).toEqual([]);
    await pass(10);
    expect(member.writes.map(String)).toEqual([linesOf(all)]);
    expect(other.writes[0]).toBe(member.writes[0]);
  });

  it("is reported once per batch, when its members have it", async () => {
    const { stream, room, delivered, shownBy } = begun();
    const all = [stream.store(), stream.store({ producer: "q" })];
    for (const { live } of all) {
      room.receive(live);
      room.receive(live);
    }
    expect(delivered).toEqual([]);
    room.flush();
    expect(delivered).toEqual(all.map(({ live }) => live.batch));
    expect(shownBy).toEqual([linesOf(all), linesOf(all)]);
    await pass(10);
    expect(delivered).toHaveLength(2);
  });

  it("to nobody is reported too", async () => {
    const { stream, room, member, delivered } = begun();
    room.members.delete(member);
    room.receive(stream.store().live);
    await pass(10);
    expect(delivered).toHaveLength(1);
    expect(member.text).toBe("");
  });

  it("gives a later member only what comes after it", async () => {
    const { stream, room, member } = begun();
    const before = stream.store();
    room.receive(before.live);
    const late = new Viewer();
    room.flush();
    room.members.add(late);
    const after = stream.store();
    room.receive(after.live);
    await pass(10);
    expect(member.text).toBe(before.lines + after.lines);
    expect(late.text).toBe(after.lines);
  });

  it("gives what waits when the room closes, and reads nothing more", async () => {
    const { stream, room, member, delivered } = begun();
    const next = stream.store();
    room.receive(next.live);
    room.close();
    expect(member.text).toBe(next.lines);
    expect(delivered).toHaveLength(1);
    stream.store();
    room.expect(stream.store().live.sequence);
    await pass(5000);
    expect(stream.reads).toBe(0);
  });

  it("stops reading when the room closes", async () => {
    const { stream, room } = begun();
    stream.failures = 1000;
    room.expect(stream.store().live.sequence);
    await pass(1000);
    room.close();
    await pass(2000);
    const { reads } = stream;
    expect(reads).toBeGreaterThan(1);
    await pass(60_000);
    expect(stream.reads).toBe(reads);
  });
});

describe("a gap", () => {
  it("is read from the log before what follows it", async () => {
    const { stream, room, member, delivered } = begun();
    const all = [stream.store(), stream.store(), stream.store()];
    room.receive(all[2]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(linesOf(all));
    expect(delivered).toEqual(all.map(({ live }) => live.batch));
  });

  it("is read in as many answers as it takes, together with what came while reading", async () => {
    const { stream, room, member } = begun();
    stream.page = 2;
    const all = Array.from({ length: 7 }, () => stream.store());
    room.receive(all[6]?.live as Kept["live"]);
    await pass(1);
    const more = [stream.store(), stream.store()];
    for (const { live } of more) room.receive(live);
    await pass(100);
    expect(member.text).toBe(linesOf([...all, ...more]));
  });

  it("at the end of the log shows by what others say of it", async () => {
    const { stream, room, member } = begun();
    const lost = [stream.store(), stream.store()];
    room.expect(stream.last?.sequence as number);
    await pass(100);
    expect(member.text).toBe(linesOf(lost));
    room.expect(stream.last?.sequence as number);
    await pass(100);
    expect(member.text).toBe(linesOf(lost));
  });

  it("is read from the leader where the replica that answers lags", async () => {
    const { stream, room, member } = begun();
    const all = [stream.store(), stream.store(), stream.store()];
    stream.lag = 2;
    room.receive(all[2]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(linesOf(all));
    // From the replica in two questions, what it lacks in two each.
    expect(stream.reads).toBe(5);
  });

  it("is read from the leader also when more is stored while it is asked", async () => {
    const { stream, room, member } = begun();
    const lost = [stream.store(), stream.store()];
    stream.lag = 2;
    room.receive(lost[1]?.live as Kept["live"]);
    // The replica had nothing; the leader's answer is on its way.
    await pass(1);
    expect(stream.reads).toBe(2);
    const next = stream.store();
    room.receive(next.live);
    stream.lag = 0;
    await pass(3000);
    expect(member.text).toBe(linesOf([...lost, next]));
  });

  it("is read again and again while the log does not answer, ever more slowly", async () => {
    const { stream, room, member } = begun();
    stream.failures = 1000;
    const all = [stream.store(), stream.store()];
    room.receive(all[1]?.live as Kept["live"]);
    await pass(1000);
    expect(stream.reads).toBeGreaterThan(3);
    await pass(9000);
    const { reads } = stream;
    expect(reads).toBeLessThan(20);
    await pass(10_000);
    // Once in a second.
    expect(stream.reads - reads).toBeGreaterThanOrEqual(9);
    expect(stream.reads - reads).toBeLessThanOrEqual(10);
    stream.failures = 0;
    await pass(1100);
    expect(member.text).toBe(linesOf(all));
  });
});

describe("what retention has removed", () => {
  it("is said in its place, once", async () => {
    const { stream, room, member } = begun();
    const all = Array.from({ length: 6 }, () => stream.store());
    stream.removeOldest(5);
    room.receive(all[5]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(unavailable + linesOf(all.slice(2)));
  });

  it("is said also when nothing is left", async () => {
    const { stream, room, member } = begun();
    const lost = [stream.store(), stream.store()];
    stream.removeOldest(5);
    room.receive(lost[1]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(unavailable);
    const next = stream.store();
    expect(next.live.previous).toBe(0);
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(unavailable + next.lines);
  });

  it("is said also when what is left ends before it", async () => {
    const { stream, room, member } = begun();
    const lost = stream.store();
    stream.sections.pop();
    room.expect(lost.live.sequence);
    await pass(100);
    expect(member.text).toBe(unavailable);
    const next = stream.store();
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(unavailable + next.lines);
  });

  it("ends where it ended when that was asked: what was stored since then is there", async () => {
    const { stream, room, member } = begun();
    const lost = stream.store();
    stream.sections.pop();
    room.expect(lost.live.sequence);
    // The leader's answer is on its way.
    await pass(1);
    expect(stream.reads).toBe(2);
    const next = stream.store();
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(unavailable + next.lines);
  });

  it("leaves no gap when it had been delivered: after a purge nothing is before the next one", async () => {
    const { stream, room, member } = begun();
    const before = stream.store();
    room.receive(before.live);
    stream.removeOldest(4);
    const next = stream.store({ producer: "q" });
    expect(next.live.previous).toBe(0);
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(before.lines + next.lines);
    expect(stream.reads).toBe(0);
  });

  it("took the counters along; a batch that is stored a second time then is not shown again", async () => {
    const { stream, room, member } = begun();
    const first = stream.store({ producer: "q", counter: 9 });
    room.receive(first.live);
    stream.removeOldest(4);
    const again = stream.store({ producer: "q", counter: 9 });
    room.receive(again.live);
    const next = stream.store({ producer: "q", counter: 10 });
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(first.lines + next.lines);
  });

  it("took the counters along; a batch that is stored a second time behind a gap is not shown again", async () => {
    const { stream, room, member } = begun();
    const first = stream.store({ producer: "q", counter: 9 });
    room.receive(first.live);
    stream.removeOldest(4);
    // Two that got lost on the way here, one of which retention removed again.
    stream.store({ producer: "r" });
    stream.store({ producer: "q", counter: 9 });
    stream.removeOldest(1);
    const next = stream.store({ producer: "q", counter: 10 });
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(first.lines + unavailable + next.lines);
  });
});

describe("what no worker of ours stored", () => {
  it("is reported and passed over", async () => {
    const { stream, room, member, foreign, delivered } = begun();
    const odd = [
      stream.store({ foreign: true }),
      stream.store({ payload: "no chat message" }),
      stream.store({ foreign: true }),
    ];
    const next = stream.store();
    for (const { live } of [...odd, next]) room.receive(live);
    await pass(100);
    expect(foreign).toEqual(odd.map(({ live }) => live.sequence));
    expect(member.text).toBe(next.lines);
    expect(delivered).toEqual([next.live.batch]);
    expect(stream.reads).toBe(0);
  });

  it("is passed over in a gap too", async () => {
    const { stream, room, member, foreign } = begun();
    const odd = [stream.store({ foreign: true }), stream.store({ payload: "{}" })];
    const next = [stream.store(), stream.store()];
    room.receive(next[1]?.live as Kept["live"]);
    await pass(100);
    expect(foreign).toEqual(odd.map(({ live }) => live.sequence));
    expect(member.text).toBe(linesOf(next));
  });
});

describe("a stream that starts anew", () => {
  it("is delivered from its first section on", async () => {
    const { stream, room, member } = begun(20);
    stream.replace();
    const all = [
      stream.store({ producer: "q" }),
      stream.store({ producer: "r" }),
      stream.store({ producer: "p" }),
    ];
    room.receive(all[2]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(linesOf(all));
    const next = stream.store({ producer: "q" });
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(linesOf([...all, next]));
  });

  it("is delivered from its first section on also when it is found out otherwise", async () => {
    const { stream, room, member } = begun(20);
    stream.replace();
    const all = [stream.store({ producer: "q" }), stream.store({ producer: "r" })];
    room.restart(stream.last?.sequence as number);
    await pass(100);
    expect(member.text).toBe(linesOf(all));
  });

  it("and is empty goes on with what comes", async () => {
    const { stream, room, member } = begun(20);
    stream.replace();
    room.restart(0);
    await pass(100);
    const next = stream.store({ producer: "q" });
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(next.lines);
  });

  it("as a copy of itself shows only what is new", async () => {
    const { stream, room, old, member } = begun(20);
    const delivered = [stream.store({ producer: "q" }), stream.store()];
    for (const { live } of delivered) room.receive(live);
    stream.replace([...old.slice(0, 15)]);
    const next = [stream.store({ producer: "r" }), stream.store({ producer: "r" })];
    room.receive(next[1]?.live as Kept["live"]);
    await pass(100);
    expect(member.text).toBe(linesOf([...delivered, ...next]));
  });

  it("as a copy whose oldest sections retention had removed shows only what is new", async () => {
    const { stream, room, old, member } = begun(20);
    const delivered = stream.store();
    room.receive(delivered.live);
    stream.replace(old.slice(5, 15));
    const next = stream.store({ producer: "r" });
    room.receive(next.live);
    await pass(100);
    expect(member.text).toBe(delivered.lines + next.lines);
  });

  it("while its room reads missed sections is delivered whole all the same", async () => {
    const { stream, room, member } = begun(3);
    stream.replace();
    const all = Array.from({ length: 8 }, () => stream.store({ producer: "q" }));
    // By its sequences alone, this one could follow what was delivered.
    room.receive(all[7]?.live as Kept["live"]);
    room.restart(stream.last?.sequence as number);
    await pass(1000);
    expect(member.text).toBe(linesOf(all));
  });

  it("while its room asks where the log ends is delivered whole all the same", async () => {
    const { stream, room, member } = begun(20);
    const lost = stream.store();
    stream.replace();
    const all = Array.from({ length: 3 }, () => stream.store({ producer: "q" }));
    room.expect(lost.live.sequence);
    await pass(1);
    expect(stream.reads).toBe(2);
    room.restart(stream.last?.sequence as number);
    await pass(1000);
    expect(member.text).toBe(linesOf(all));
  });
});

type Step =
  | {
      readonly do: "store";
      readonly messages: number;
      readonly producer: string;
      readonly foreign: boolean;
      readonly others: number;
    }
  | { readonly do: "arrive" | "arrive twice" | "get lost" | "tell of"; readonly which: number }
  | { readonly do: "pass"; readonly milliseconds: number }
  | { readonly do: "lag" | "fail" | "remove"; readonly count: number }
  | { readonly do: "join" };

const which = fc.nat(99);
const steps = {
  store: fc.record({
    do: fc.constant("store" as const),
    messages: fc.nat(2),
    producer: fc.constantFrom("p", "q", "r"),
    foreign: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    others: fc.nat(2),
  }),
  plain: fc.record({
    do: fc.constant("store" as const),
    messages: fc.integer({ min: 1, max: 2 }),
    producer: fc.constantFrom("p", "q", "r"),
    foreign: fc.constant(false),
    others: fc.nat(2),
  }),
  travel: fc.record({
    do: fc.constantFrom("arrive", "arrive", "arrive", "arrive twice", "get lost", "tell of"),
    which,
  }),
  pass: fc.record({ do: fc.constant("pass" as const), milliseconds: fc.constantFrom(0, 1, 2, 5, 60, 2000) }),
  trouble: fc.record({ do: fc.constantFrom("lag", "fail"), count: fc.nat(3) }),
  remove: fc.record({ do: fc.constant("remove" as const), count: fc.integer({ min: 1, max: 4 }) }),
  join: fc.constant<Step>({ do: "join" }),
};

const script = (...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(...kinds), { maxLength: 40, size: "max" });

/** A stream, a room that reads it, and live sections that are on their way from one to the other. */
class Network {
  readonly stream = new RoomInAStream();
  readonly opened = openRoom(this.stream);
  /** All that was ever stored. */
  readonly all: Kept[] = [];
  readonly joined: { readonly member: Viewer; readonly after: number }[] = [];
  #onTheWay: Kept[] = [];
  /** How far the log was delivered. */
  #reached = 0;

  constructor(page: number) {
    this.stream.page = page;
  }

  async run(script: readonly Step[]): Promise<void> {
    for (const step of script) {
      await this.#do(step);
      this.#reached = Math.max(this.#reached, this.opened.room.last);
    }
  }

  begin(last: StoredSection | undefined): void {
    this.opened.room.begin(last);
    this.#reached = last?.sequence ?? 0;
  }

  /** Nothing more is lost, late or broken, and the slow check has looked at the room. */
  async settle(): Promise<void> {
    this.stream.lag = 0;
    this.stream.failures = 0;
    this.opened.room.expect(this.stream.last?.sequence ?? 0);
    await pass(10_000);
  }

  async #do(step: Step): Promise<void> {
    const { room } = this.opened;
    switch (step.do) {
      case "store": {
        const kept = this.stream.store(step);
        this.all.push(kept);
        this.#onTheWay.push(kept);
        break;
      }
      case "pass":
        await pass(step.milliseconds);
        break;
      case "lag":
        this.stream.lag = step.count;
        break;
      case "fail":
        this.stream.failures = step.count;
        break;
      case "remove":
        // The last one stays, and with it the room's counters.
        this.stream.removeOldest(Math.min(step.count, this.stream.sections.length - 1));
        // Retention takes long; nothing is on the way as long as that.
        this.#onTheWay = this.#onTheWay.filter((kept) => this.stream.sections.includes(kept));
        break;
      case "join": {
        const member = new Viewer();
        room.flush();
        room.members.add(member);
        this.joined.push({ member, after: this.#reached });
        break;
      }
      case "tell of": {
        const kept = this.all[step.which % this.all.length];
        if (kept !== undefined) room.expect(kept.live.sequence);
        break;
      }
      default: {
        const index = step.which % this.#onTheWay.length;
        const kept = this.#onTheWay[index];
        if (kept === undefined) return;
        if (step.do !== "arrive twice") this.#onTheWay.splice(index, 1);
        if (step.do !== "get lost") room.receive(kept.live);
      }
    }
  }
}

describe("whatever gets lost, doubled and swapped on the way", () => {
  it("members get exactly the log's messages, in its order, each once", async () => {
    const all = [steps.store, steps.store, steps.travel, steps.travel, steps.pass, steps.trouble, steps.join];
    const early = script(steps.store, steps.travel);
    await fc.assert(
      fc.asyncProperty(early, early, script(...all), fc.integer({ min: 1, max: 4 }), async (...given) => {
        const [before, meanwhile, after, page] = given;
        const network = new Network(page);
        const { room, member, delivered, shownBy, foreign } = network.opened;
        await network.run(before);
        const begin = network.stream.last;
        await network.run(meanwhile);
        network.begin(begin);
        await network.run(after);
        await network.settle();

        const from = (sequence: number) => network.all.filter(({ live }) => live.sequence > sequence);
        const expected = from(begin?.sequence ?? 0);
        expect(member.text).toBe(linesOf(expected));
        for (const late of network.joined) expect(late.member.text).toBe(linesOf(from(late.after)));
        const ours = expected.filter((kept) => !kept.foreign);
        const text = (batch: Kept["live"]["batch"]) => (batch === undefined ? "" : formatBatchId(batch));
        expect(delivered.map(text)).toEqual(ours.map(({ live }) => text(live.batch)));
        for (const [i, kept] of ours.entries()) expect(shownBy[i]).toContain(kept.lines);
        expect(foreign).toEqual(expected.filter((kept) => kept.foreign).map(({ live }) => live.sequence));
        expect(room.last).toBe(network.stream.last?.sequence ?? 0);
        room.close();
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it("members get what retention has left, and are told where it has left something out", async () => {
    const all = [steps.plain, steps.plain, steps.travel, steps.travel, steps.pass, steps.trouble];
    await fc.assert(
      fc.asyncProperty(script(...all, steps.remove), fc.integer({ min: 1, max: 4 }), async (after, page) => {
        const network = new Network(page);
        const { room, member } = network.opened;
        network.begin(undefined);
        await network.run(after);
        await network.settle();

        // Takes what the member was shown apart again, section by section.
        let rest = member.text;
        let missed = false;
        for (const kept of network.all) {
          const told = rest.startsWith(unavailable);
          const shown = rest.startsWith((told ? unavailable : "") + kept.lines);
          if (shown) {
            expect(told, "told of what was left out, and of nothing else").toBe(missed);
            rest = rest.slice((told ? unavailable.length : 0) + kept.lines.length);
          } else {
            expect(network.stream.sections, "only what was removed is left out").not.toContain(kept);
          }
          missed = !shown;
        }
        expect(rest).toBe("");
        room.close();
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});
