import { describe, expect, it } from "vitest";
import { encodeProducers } from "../../../src/chat/producers.ts";
import type { StoredSection } from "../../../src/chat/room-log.ts";
import { RoomCursor } from "../../../src/server/room-cursor.ts";

const id = (producer: string, counter: number) => ({ producer, partition: 0, counter });

/** A section at `sequence` behind `previous`, stored at `time` by producer p unless told otherwise. */
const section = (
  sequence: number,
  previous: number | undefined,
  more: Partial<StoredSection> = {},
): StoredSection => ({
  sequence,
  previous,
  earlier: [],
  batch: id("p", sequence),
  producers: undefined,
  time: sequence * 1000,
  payload: new Uint8Array(),
  ...more,
});

/** A cursor that has delivered these, in this order. */
function delivered(...sections: StoredSection[]): RoomCursor {
  const cursor = new RoomCursor();
  for (const each of sections) cursor.advance(each);
  return cursor;
}

describe("a section", () => {
  const cursor = delivered(section(10, 0), section(14, 10));

  it("is next when the one before it was delivered", () => {
    expect(cursor.locate(section(15, 14))).toBe("next");
    expect(cursor.locate(section(90, 14))).toBe("next");
    expect(new RoomCursor().locate(section(90, 0))).toBe("next");
    expect(new RoomCursor().locate(section(90, undefined))).toBe("next");
  });

  it("is behind a gap when the one before it was not", () => {
    expect(cursor.locate(section(20, 15))).toBe("gap");
    expect(new RoomCursor().locate(section(20, 15))).toBe("gap");
  });

  it("is seen when it was delivered", () => {
    expect(cursor.locate(section(14, 10))).toBe("seen");
    expect(cursor.locate(section(10, 0))).toBe("seen");
  });

  it("is next after a purge, which leaves nothing before it", () => {
    expect(cursor.locate(section(20, 0))).toBe("next");
  });

  it("says that the stream is another one when it does not follow what was delivered, but what was before", () => {
    expect(cursor.locate(section(20, 10))).toBe("restart");
    expect(cursor.locate(section(20, 12))).toBe("restart");
  });

  it("says that the stream is another one when its place was passed long ago and its batch is unknown", () => {
    expect(cursor.locate(section(3, 0, { batch: id("q", 1) }))).toBe("restart");
    expect(cursor.locate(section(14, 10, { batch: id("p", 15) }))).toBe("restart");
  });

  it("that nobody of ours stored is told by its place alone", () => {
    const foreign = { batch: undefined };
    expect(cursor.locate(section(15, 14, foreign))).toBe("next");
    expect(cursor.locate(section(20, 15, foreign))).toBe("gap");
    expect(cursor.locate(section(14, 10, foreign))).toBe("seen");
    expect(cursor.locate(section(3, 0, foreign))).toBe("seen");
  });

  it("of a batch that was delivered is seen wherever it stands: retention had removed the counters", () => {
    const later = delivered(section(10, 0, { batch: id("p", 7) }), section(14, 10, { batch: id("q", 1) }));
    expect(later.locate(section(50, 0, { batch: id("p", 7) }))).toBe("seen");
    expect(later.locate(section(50, 14, { batch: id("p", 6) }))).toBe("seen");
    expect(later.locate(section(50, 0, { batch: id("p", 8) }))).toBe("next");
  });
});

describe("delivering", () => {
  it("moves on and never back", () => {
    const cursor = delivered(section(10, 0));
    expect(cursor.last).toBe(10);
    cursor.advance(section(9, 0));
    expect(cursor.last).toBe(10);
    cursor.skipTo(30);
    expect(cursor.last).toBe(30);
    cursor.skipTo(20);
    expect(cursor.last).toBe(30);
    expect(cursor.locate(section(31, 30))).toBe("next");
  });

  it("an earlier counter again leaves the later one known", () => {
    const cursor = delivered(section(10, 0, { batch: id("p", 7) }), section(11, 10, { batch: id("p", 3) }));
    expect(cursor.locate(section(12, 11, { batch: id("p", 7) }))).toBe("seen");
  });
});

describe("beginning behind the last section of the log", () => {
  const producers = encodeProducers(
    new Map([
      ["p", { counter: 7, ingressTime: 1 }],
      ["q", { counter: 2, ingressTime: 2 }],
    ]),
  );

  it("counts all before it as seen, by its producers' counters", () => {
    const cursor = new RoomCursor();
    cursor.begin(section(10, 4, { batch: id("q", 2), producers }));
    expect(cursor.last).toBe(10);
    expect(cursor.locate(section(10, 4, { batch: id("q", 2) }))).toBe("seen");
    expect(cursor.locate(section(4, 0, { batch: id("p", 7) }))).toBe("seen");
    expect(cursor.locate(section(11, 10, { batch: id("p", 7) }))).toBe("seen");
    expect(cursor.locate(section(11, 10, { batch: id("p", 8) }))).toBe("next");
    expect(cursor.locate(section(12, 11, { batch: id("p", 8) }))).toBe("gap");
  });

  it("an empty log has no last section", () => {
    const cursor = new RoomCursor();
    cursor.begin(undefined);
    expect(cursor.last).toBe(0);
    expect(cursor.locate(section(1, 0))).toBe("next");
  });

  it("one of somebody else's making tells no counters", () => {
    const cursor = new RoomCursor();
    cursor.begin(section(10, 4, { batch: undefined, producers: "" }));
    expect(cursor.last).toBe(10);
    expect(cursor.locate(section(11, 10))).toBe("next");
  });
});

describe("a stream that starts anew", () => {
  it("is delivered from its first section on", () => {
    const cursor = delivered(section(10, 0), section(14, 10));
    cursor.restart();
    expect(cursor.last).toBe(0);
    expect(cursor.locate(section(1, 0, { batch: id("q", 1), time: 20_000 }))).toBe("next");
    expect(cursor.locate(section(3, 1, { batch: id("q", 2), time: 20_000 }))).toBe("gap");
  });

  it("and holds what was delivered already does not show it again", () => {
    const cursor = delivered(section(10, 0), section(14, 10));
    cursor.restart();
    // By its batch, though it was stored anew.
    expect(cursor.locate(section(1, 0, { batch: id("p", 14), time: 20_000 }))).toBe("seen");
    // By its time, though its producer is long forgotten: the stream was restored from a copy.
    expect(cursor.locate(section(5, 0, { batch: id("old", 1), time: 5000 }))).toBe("seen");
    expect(cursor.locate(section(5, 0, { batch: id("old", 1), time: 14_000 }))).toBe("seen");
    expect(cursor.locate(section(5, 0, { batch: id("old", 1), time: 14_001 }))).toBe("next");
    expect(cursor.locate(section(5, 0, { batch: undefined, time: 5000 }))).toBe("seen");
  });

  it("knows the time even when nothing was delivered since it began", () => {
    const cursor = new RoomCursor();
    cursor.begin(section(10, 4));
    cursor.restart();
    expect(cursor.locate(section(4, 0, { batch: id("q", 1), time: 9000 }))).toBe("seen");
    expect(cursor.locate(section(4, 0, { batch: id("q", 1), time: 10_001 }))).toBe("next");
  });

  it("shows nothing again however often it starts anew", () => {
    const cursor = delivered(section(10, 0));
    cursor.restart();
    cursor.advance(section(1, 0, { batch: id("q", 1), time: 20_000 }));
    cursor.restart();
    expect(cursor.locate(section(1, 0, { batch: id("q", 1), time: 20_000 }))).toBe("seen");
    expect(cursor.locate(section(2, 0, { batch: id("r", 1), time: 20_000 }))).toBe("seen");
    expect(cursor.locate(section(2, 0, { batch: id("r", 1), time: 20_001 }))).toBe("next");
  });
});

it("remembers 512 producers, those heard of last", () => {
  const cursor = new RoomCursor();
  for (let i = 1; i <= 512; i++) cursor.advance(section(i, i - 1, { batch: id(`p${i}`, 1) }));
  cursor.advance(section(513, 512, { batch: id("p1", 2) }));
  cursor.advance(section(514, 513, { batch: id("q", 1) }));
  const known = (producer: string) => cursor.locate(section(600, 0, { batch: id(producer, 1) })) === "seen";
  expect(known("p2")).toBe(false);
  expect(["p1", "p3", "p512", "q"].map(known)).toEqual([true, true, true, true]);
});
