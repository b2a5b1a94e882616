import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "../../../src/server/outbox.ts";

const opened: Socket[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Both ends of a loopback connection. The client does not read until it is told to. */
async function connection() {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.pause();
  const [socket] = (await accepted) as [Socket];
  server.close();
  opened.push(client, socket);
  return { client, socket };
}

/** All that the client gets until the connection ends, from now on. */
async function readAll(client: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  client.on("data", (chunk) => chunks.push(chunk));
  client.resume();
  await once(client, "end");
  return Buffer.concat(chunks).toString();
}

/** Resolves when the kernel has taken all that the socket was given. */
async function taken(socket: Socket): Promise<void> {
  while (socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
}

const line = (i: number) => `${String(i).padStart(6, "0")} ${"x".repeat(1000)}\n`;
const lines = (count: number) => Array.from({ length: count }, (_, i) => line(i));

/** Writes lines until bytes wait in the outbox, behind what the socket and the kernel hold; returns how many. */
function fill(outbox: Outbox, socket: Socket, more = 0): number {
  let count = 0;
  while (!socket.writableNeedDrain) outbox.write(Buffer.from(line(count++)));
  for (let i = 0; i < more; i++) outbox.write(Buffer.from(line(count++)));
  return count;
}

const never = (): void => {
  throw new Error("the outbox overflowed");
};

describe("writing", () => {
  it("sends lines in their order, at once", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 1000, never);
    for (const each of ["one\n", "two\n", "three\n"]) outbox.write(Buffer.from(each));
    client.resume();
    let got = "";
    while (got.length < 14) got += String((await once(client, "data"))[0]);
    expect(got).toBe("one\ntwo\nthree\n");
  });

  it("to a client that reads late loses and swaps nothing", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    const before = fill(outbox, socket, 500);
    const all = readAll(client);
    // Some more while it drains.
    await once(client, "data");
    for (let i = 0; i < 500; i++) outbox.write(Buffer.from(line(before + i)));
    outbox.end();
    expect(await all).toBe(lines(before + 500).join(""));
  });

  it("may begin again after it had stopped", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    const first = fill(outbox, socket, 10);
    const all = readAll(client);
    await taken(socket);
    outbox.write(Buffer.from(line(first)));
    outbox.end();
    expect(await all).toBe(lines(first + 1).join(""));
  });
});

describe("a client that does not read", () => {
  it("is reported once more than the limit waits, and not before", async () => {
    const { socket } = await connection();
    let overflows = 0;
    const outbox = new Outbox(socket, 5 * line(0).length, () => overflows++);
    fill(outbox, socket, 5);
    expect(overflows).toBe(0);
    outbox.write(Buffer.from("\n"));
    expect(overflows).toBe(1);
  });

  it("has what it was sent counted from zero after it has read", async () => {
    const { client, socket } = await connection();
    let overflows = 0;
    const outbox = new Outbox(socket, 5 * line(0).length, () => overflows++);
    fill(outbox, socket, 5);
    client.resume();
    await taken(socket);
    client.pause();
    fill(outbox, socket, 5);
    expect(overflows).toBe(0);
  });

  it("is closed with a last line; what waited is dropped, and no line is cut", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    const count = fill(outbox, socket, 500);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    outbox.endWith("Error: too slow\n");
    outbox.write(Buffer.from("after the end\n"));
    const got = (await readAll(client)).split("\n");
    expect(got.splice(-2)).toEqual(["Error: too slow", ""]);
    expect(got).toEqual(lines(got.length).map((each) => each.slice(0, -1)));
    expect(got.length).toBe(count - 500);
  });

  it("is closed with a last line also while only the socket still holds bytes", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    let count = 0;
    while (socket.writableLength === 0) outbox.write(Buffer.from(line(count++)));
    expect(socket.writableNeedDrain).toBe(false);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    outbox.endWith("Error: too late\n");
    const all = readAll(client);
    await taken(socket);
    vi.advanceTimersByTime(5000);
    expect((await all).split("\n").slice(-2)).toEqual(["Error: too late", ""]);
  });

  it.each<[string, (outbox: Outbox) => void]>([
    ["end", (outbox) => outbox.end()],
    ["endWith", (outbox) => outbox.endWith("Error: too slow\n")],
  ])("is dropped five seconds after %s", async (_, end) => {
    const { socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    fill(outbox, socket, 10);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    end(outbox);
    vi.advanceTimersByTime(4999);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
  });
});

describe("the end", () => {
  it("comes behind all that waits, and nothing is sent after it", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 10_000_000, never);
    const count = fill(outbox, socket, 500);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    outbox.end();
    outbox.write(Buffer.from("after the end\n"));
    outbox.endWith("after the end\n");
    outbox.end();
    expect(await readAll(client)).toBe(lines(count).join(""));
  });

  it("with a last line comes at once when nothing waits", async () => {
    const { client, socket } = await connection();
    const outbox = new Outbox(socket, 1000, never);
    outbox.write(Buffer.from("Hello\n"));
    outbox.endWith("Error: goodbye\n");
    expect(await readAll(client)).toBe("Hello\nError: goodbye\n");
  });

  it("is not held up by a client that keeps its own side open, nor by what that still sends", async () => {
    const { client, socket } = await connection();
    client.allowHalfOpen = true;
    const outbox = new Outbox(socket, 1000, never);
    socket.pause();
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    outbox.end();
    client.write("x".repeat(100_000));
    const closed = once(socket, "close");
    vi.advanceTimersByTime(5000);
    await closed;
  });

  it("of a connection that is gone is no error", async () => {
    const { socket } = await connection();
    const outbox = new Outbox(socket, 1000, never);
    fill(outbox, socket);
    socket.destroy();
    outbox.discard();
    outbox.write(Buffer.from("x\n"));
    outbox.end();
    outbox.endWith("x\n");
    await once(socket, "close");
  });
});
