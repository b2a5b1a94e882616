import type { JetStreamManager } from "@nats-io/jetstream";
import { type Msg, type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { RoomLog } from "../../../src/chat/room-log.ts";

/** A message of a room, as a direct get returns it. */
function found(room: string, sequence: number): Msg {
  const headers = newHeaders();
  headers.set("Nats-Subject", `room.${room}`);
  headers.set("Nats-Sequence", String(sequence));
  headers.set("Nats-Time-Stamp", "2026-01-02T10:00:00Z");
  return { headers, data: Buffer.from("{}") } as unknown as Msg;
}

/** The empty message with a status that ends an answer. */
const status = (code: number, description: string): Msg =>
  ({ headers: newHeaders(code, description), data: Buffer.of() }) as unknown as Msg;

const end = status(204, "EOB");

/** A log whose direct gets are answered with these messages; then the client library's time is up. */
function answering(...messages: Msg[]): RoomLog {
  const connection = {
    requestMany: async function* () {
      yield* messages;
    },
  } as unknown as NatsConnection;
  return new RoomLog(connection, {} as JetStreamManager);
}

describe("a section's back-pointer", () => {
  const expecting = (batch?: string): Msg => {
    const message = found("a", 7);
    message.headers?.set("Nats-Expected-Last-Subject-Sequence", "3");
    if (batch !== undefined) message.headers?.set("Disroom-Batch", batch);
    return message;
  };

  it("is the sequence that a worker expected", async () => {
    const [section] = await answering(expecting("0123456789abcdef.1.2"), end).from("a", 1);
    expect(section?.previous).toBe(3);
  });

  it("is unknown where anybody else expected something, perhaps of another room", async () => {
    const [section] = await answering(expecting(), end).from("a", 1);
    expect(section?.previous).toBeUndefined();
  });
});

describe("a read of many messages", () => {
  it("gives what came before its end", async () => {
    const log = answering(found("a", 3), found("a", 7), end);
    expect((await log.from("a", 1)).map(({ sequence }) => sequence)).toEqual([3, 7]);
    const last = answering(found("a", 3), found("b", 7), end);
    expect([...(await last.lastSequences(["a", "b", "c"])).sequences]).toEqual([
      ["a", 3],
      ["b", 7],
    ]);
  });

  it("gives nothing when there is nothing", async () => {
    expect(await answering(status(404, "No Results")).from("a", 1)).toEqual([]);
    expect((await answering(status(404, "No Results")).lastSequences(["a"])).sequences.size).toBe(0);
  });

  it("fails with the reason that NATS gives", async () => {
    const tooMany = () => answering(status(413, "Too Many Results"));
    await expect(tooMany().from("a", 1)).rejects.toThrow("413 Too Many Results");
    await expect(tooMany().lastSequences(["a"])).rejects.toThrow("413");
  });

  it("fails when no answer came in time: nothing is not the same as unknown", async () => {
    await expect(answering().from("a", 1)).rejects.toThrow();
    await expect(answering().before("a", 5)).rejects.toThrow();
    await expect(answering().lastSequences(["a"])).rejects.toThrow();
  });

  it("fails when the answer broke off: some rooms are not all rooms", async () => {
    await expect(answering(found("a", 3)).lastSequences(["a", "b"])).rejects.toThrow();
  });
});
