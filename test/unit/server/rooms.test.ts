import type { NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Rooms } from "../../../src/server/rooms.ts";
import { quietLog, quietMetrics } from "./quiet.ts";
import { RoomInAStream, Viewer } from "./room-in-a-stream.ts";

const checkInterval = 5000;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** A member of a room whose live messages all get lost, so that only checks can find them. */
async function deafMember() {
  const stream = new RoomInAStream();
  stream.store();
  const connection = {
    subscribe: () => ({ unsubscribe: () => {} }),
    flush: async () => {},
    status: async function* () {},
  } as unknown as NatsConnection;
  const rooms = new Rooms({
    connection,
    checkInterval,
    log: stream.log,
    logger: quietLog,
    metrics: quietMetrics,
    onDelivered: () => {},
    onForeign: () => {},
    onOpened: () => {},
    onClosed: () => {},
  });
  const acquired = rooms.acquire("general");
  await pass(10);
  const room = await acquired;
  const member = new Viewer();
  room.members.add(member);
  // The check that follows each opening is over.
  await pass(1500);
  return { stream, rooms, member };
}

describe("a lost last message", () => {
  it("is found by the next check, and its room need not be looked at again until there is more", async () => {
    const { stream, rooms, member } = await deafMember();
    const lost = stream.store();
    await pass(checkInterval + 100);
    expect(member.text).toBe(lost.lines);
    await pass(checkInterval);
    const { reads } = stream;
    await pass(checkInterval);
    // Only the stream's own last sequence was asked for.
    expect(stream.reads - reads).toBe(1);
    rooms.close();
  });

  it("is found also when the replica that was asked first lags, and nothing more is ever stored", async () => {
    const { stream, rooms, member } = await deafMember();
    const lost = stream.store();
    stream.lag = 1;
    rooms.check();
    await pass(100);
    expect(member.text).toBe("");
    stream.lag = 0;
    await pass(3 * checkInterval);
    expect(member.text).toBe(lost.lines);
    rooms.close();
  });

  it("is found also when the check failed at first", async () => {
    const { stream, rooms, member } = await deafMember();
    const lost = stream.store();
    stream.failures = 2;
    await pass(3 * checkInterval);
    expect(member.text).toBe(lost.lines);
    rooms.close();
  });
});

it("who joins gets nothing of before, though it was lost on its way to those who were there", async () => {
  const { stream, rooms, member } = await deafMember();
  const lost = stream.store();
  const acquired = rooms.acquire("general");
  await pass(1000);
  const room = await acquired;
  room.flush();
  const late = new Viewer();
  room.members.add(late);
  expect(member.text).toBe(lost.lines);
  room.receive(stream.store().live);
  await pass(10);
  expect(late.text).not.toContain(lost.lines);
  expect(late.text).not.toBe("");
  rooms.close();
});

it("a stream that was made anew is delivered from its first section on, with nothing live to tell of it", async () => {
  const { stream, rooms, member } = await deafMember();
  await pass(checkInterval);
  stream.replace();
  stream.created = "2026-01-02T11:00:00Z";
  const all = [stream.store({ producer: "q" }), stream.store({ producer: "q" })];
  await pass(checkInterval);
  expect(member.text).toBe(all.map(({ lines }) => lines).join(""));
  rooms.close();
});
