import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { usageOf } from "../measure/processes.ts";
import { textBytes } from "../workloads.ts";

/** `[10:00:00] n00000: `, the text, and a line end. */
export const lineBytes = 19 + textBytes + 1;

export type FanOut = { readonly deliveries: number; readonly cpuSecondsPerMillion: number };

/**
 * Deliveries a second of a Node.js process that does nothing but write to members' sockets, `messagesPerWrite` in
 * each write; this process reads and counts bytes. Both share the machine, as in all other runs.
 */
export async function fanOutRate(
  connections: number,
  messagesPerWrite: number,
  seconds: number,
): Promise<FanOut> {
  const child = fork(fileURLToPath(new URL("./fan-out-writer.ts", import.meta.url)));
  const sockets: Socket[] = [];
  try {
    const told = once(child, "message");
    child.send({ connections, bytes: messagesPerWrite * lineBytes });
    const [{ port }] = (await told) as [{ port: number }];
    let bytes = 0;
    const buffer = Buffer.allocUnsafeSlow(256 * 1024);
    const callback = (length: number): boolean => {
      bytes += length;
      return true;
    };
    for (let number = 0; number < connections; number++) {
      const socket = connect({ port, host: "127.0.0.1", onread: { buffer, callback } });
      sockets.push(socket);
      await once(socket, "connect");
    }
    await delay(1000);
    const processes = { writer: child.pid ?? 0 };
    const [before, begun, bytesBefore] = [usageOf(processes), performance.now(), bytes];
    await delay(seconds * 1000);
    const elapsed = (performance.now() - begun) / 1000;
    const deliveries = (bytes - bytesBefore) / lineBytes;
    const cpu = (usageOf(processes).writer?.cpuSeconds ?? 0) - (before.writer?.cpuSeconds ?? 0);
    return { deliveries: deliveries / elapsed, cpuSecondsPerMillion: cpu / (deliveries / 1e6) };
  } finally {
    for (const socket of sockets) socket.on("error", () => {}).resetAndDestroy();
    child.disconnect();
  }
}
