import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Connects as a person would, until the chat answers with its welcome. Throws when `signal` aborts. */
export async function untilWelcome(host: string, port: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await isWelcomed(host, port, signal)) return;
    await delay(50, undefined, { signal });
  }
}

async function isWelcomed(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const socket: Socket = connect({ host, port });
  try {
    const [first] = await once(socket, "data", {
      signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]),
    });
    return String(first).startsWith("Welcome");
  } catch {
    return false;
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}

/** The address to connect to where a server listens on all of them. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
