import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ClosedLoop } from "../../../bench/load/closed-loop.ts";
import { OpenLoop } from "../../../bench/load/open-loop.ts";
import { Sender } from "../../../bench/load/sender.ts";
import { chat } from "../../../bench/protocols/chat.ts";
import { loadText } from "../../../bench/protocols/text.ts";

/** A socket that keeps what is written; `isBusy`: as if the kernel had not taken it yet. */
function fakeSocket(isBusy = false) {
  const written: Uint8Array[] = [];
  const socket = {
    writableLength: isBusy ? 1 : 0,
    write: (bytes: Uint8Array) => written.push(isBusy ? bytes : Uint8Array.from(bytes)),
  };
  return {
    socket: socket as unknown as Socket,
    lines: () => Buffer.concat(written).toString("latin1").split("\n").slice(0, -1),
  };
}

const senderOn = (socket: Socket, open: number): Sender =>
  new Sender({ socket, protocol: chat, room: "room", number: 3, textBytes: 64, open });
const typed = (sequence: number): string => `send ${loadText(3, sequence, 64)}`;

test("a closed loop keeps its window full, and stops at its limit", () => {
  const { socket, lines } = fakeSocket();
  const sender = senderOn(socket, 4);
  const pace = new ClosedLoop({ window: 4, messagesPerSender: 6 });
  pace.start([sender]);
  expect(lines()).toEqual([0, 1, 2, 3].map(typed));
  sender.arrived = 1;
  pace.arrived(sender);
  pace.settle();
  expect(lines()).toEqual([0, 1, 2, 3, 4].map(typed));
  expect(pace.isOver).toBe(false);
  sender.arrived = 5;
  pace.arrived(sender);
  pace.settle();
  expect(lines()).toEqual([0, 1, 2, 3, 4, 5].map(typed));
  expect(pace.isOver).toBe(true);
});

test("what the kernel has not taken yet is not written over", () => {
  const { socket, lines } = fakeSocket(true);
  const sender = senderOn(socket, 4);
  for (let sequence = 0; sequence < 3; sequence++) {
    sender.add(0);
    sender.flush();
  }
  expect(lines()).toEqual([0, 1, 2].map(typed));
});

test("an open loop sends at its rate whatever arrives, and counts from when a message was due", async () => {
  const sockets = [fakeSocket(), fakeSocket()];
  const senders = sockets.map(({ socket }) => senderOn(socket, 1000));
  const pace = new OpenLoop(1000);
  const begun = performance.now();
  pace.start(senders);
  await delay(200);
  pace.stop();
  const elapsed = performance.now() - begun;
  const sent = senders.reduce((sum, sender) => sum + sender.sent, 0);
  expect(sent).toBeGreaterThan(50);
  expect(sent).toBeLessThanOrEqual(elapsed + 1);
  const [first] = senders as [Sender, Sender];
  // Every second message is of the first sender, a millisecond after the other's.
  expect(first.dueOf(10) - first.dueOf(0)).toBeCloseTo(20, 6);
  expect(first.dueOf(0)).toBeGreaterThanOrEqual(begun);
});

test("an open loop that may not have more on their way says what it left out", async () => {
  const { socket } = fakeSocket();
  const sender = senderOn(socket, 4);
  const pace = new OpenLoop(1000);
  pace.start([sender]);
  await delay(100);
  pace.stop();
  expect(sender.sent).toBe(4);
  expect(pace.skipped).toBeGreaterThan(0);
});
