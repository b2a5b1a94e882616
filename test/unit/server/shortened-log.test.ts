import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Kept, openRoom, RoomInAStream } from "./room-in-a-stream.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const linesOf = (sections: readonly Kept[]) => sections.map(({ lines }) => lines).join("");

/** A room whose log has lost its last five sections, and grown past where it was with those of others. */
function shortened() {
  const stream = new RoomInAStream();
  const old = Array.from({ length: 10 }, () => stream.store({ others: 1 }));
  const opened = openRoom(stream);
  opened.room.begin(old[4]?.stored);
  for (const { live } of old.slice(5)) opened.room.receive(live);
  stream.replace(old.slice(0, 5));
  const grown = Array.from({ length: 9 }, () => stream.store({ producer: "q", others: 2 }));
  return { stream, grown, shown: [...old.slice(5), ...grown], ...opened };
}

describe("a log that lost its end and has grown past it", () => {
  it("is delivered whole when a live section shows it", async () => {
    const { room, grown, member, shown } = shortened();
    room.receive(grown[5]?.live as Kept["live"]);
    room.receive(grown[8]?.live as Kept["live"]);
    await vi.advanceTimersByTimeAsync(100);
    expect(member.text).toBe(linesOf(shown));
  });

  it("is delivered whole when what is read of it shows it", async () => {
    const { stream, room, grown, member, shown } = shortened();
    stream.page = 2;
    room.expect(grown[8]?.live.sequence as number);
    await vi.advanceTimersByTimeAsync(100);
    expect(member.text).toBe(linesOf(shown));
  });

  it("goes on then as if nothing had been", async () => {
    const { stream, room, grown, member, shown } = shortened();
    room.expect(grown[8]?.live.sequence as number);
    await vi.advanceTimersByTimeAsync(100);
    const { reads } = stream;
    const next = [stream.store(), stream.store({ producer: "q" })];
    for (const { live } of next) room.receive(live);
    await vi.advanceTimersByTimeAsync(100);
    expect(member.text).toBe(linesOf([...shown, ...next]));
    expect(stream.reads).toBe(reads);
  });
});

describe("a section with a wrong back-pointer", () => {
  const opened = (producer: string) => {
    const stream = new RoomInAStream();
    const first = [stream.store(), stream.store({ others: 1 }), stream.store({ others: 1 })];
    const { live, stored, ...wrong } = stream.store({ producer });
    stream.sections.splice(3, 1, { ...wrong, live, stored: { ...stored, previous: 1 } });
    const last = stream.store();
    const room = openRoom(stream);
    room.room.begin(first[1]?.stored);
    room.room.expect(last.live.sequence);
    return { stream, shown: linesOf([...first.slice(2), wrong as Kept, last]), ...room };
  };

  it("is delivered once, and the log is not read for ever", async () => {
    const { stream, member, room, shown } = opened("q");
    await vi.advanceTimersByTimeAsync(1000);
    expect(member.text).toBe(shown);
    expect(room.last).toBe(stream.last?.sequence);
    expect(stream.reads).toBeLessThan(10);
  });

  it("is passed over when it was delivered", async () => {
    const { stream, member, room, shown } = opened("p");
    await vi.advanceTimersByTimeAsync(1000);
    expect(member.text).toBe(shown);
    room.expect(stream.last?.sequence as number);
    await vi.advanceTimersByTimeAsync(1000);
    expect(member.text).toBe(shown);
  });
});
