import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { UsageError } from "../platform/settings.ts";

const limitMilliseconds = 30_000;

/**
 * Connects as a person would, until the chat answers with its welcome. Throws UsageError if it never does,
 * and what `signal` aborts with.
 */
export async function untilWelcome(host: string, port: number, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMilliseconds)]);
  while (!(await isWelcomed(reachable(host), port, limit))) {
    signal.throwIfAborted();
    if (limit.aborted) {
      throw new UsageError(`nobody answers on ${host}, port ${port}, although all parts are ready`);
    }
    await delay(50);
  }
}

async function isWelcomed(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    const [first] = await once(socket, "data", {
      signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]),
    });
    return String(first).startsWith("Welcome");
  } catch {
    return false;
  } finally {
    // What still goes wrong with it is of no interest.
    socket.on("error", () => {});
    socket.destroy();
  }
}

/** The address to connect to where a server listens on all of them. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
