import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { UsageError } from "../platform/settings.ts";

const loopback = "127.0.0.1";

/**
 * Where free ports are looked for: below the range from which Linux takes the local ports of outgoing
 * connections. In it, a client that tries to reach a part that is down can be given that part's own port,
 * is then connected to itself, and keeps the part from ever listening there again.
 */
const range = { from: 20_000, to: 32_000 };

/** `count` different ports of the loopback address on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 1000) throw new UsageError(`no free ports from ${range.from} to ${range.to} on ${loopback}`);
    const port = randomInt(range.from, range.to);
    try {
      held.push(await listen(loopback, port));
      ports.push(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  await Promise.all(held.map(close));
  return ports;
}

/**
 * Holds the chat port until the servers take it, and gives it back when the result is called. It is bound
 * without SO_REUSEPORT: with it, the port would be shared in silence with whoever else has it.
 */
export async function holdPort(host: string, port: number): Promise<() => Promise<void>> {
  try {
    const server = await listen(host, port);
    return () => close(server);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      throw new UsageError(
        `port ${port} of ${host} is in use; stop what uses it, or choose another with --port`,
      );
    }
    if (code === "EACCES")
      throw new UsageError(`port ${port} is not allowed; choose one above 1023 with --port`);
    throw new UsageError(`cannot listen on ${host}, port ${port} (${message}); see --host and --port`);
  }
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}
