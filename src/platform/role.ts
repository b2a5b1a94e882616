import type { NatsConnection } from "@nats-io/transport-node";
import type { commonSettings } from "./common-settings.ts";
import { type HttpEndpoint, serveHttp } from "./http.ts";
import { createLog, type Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { type ConnectOptions, connectNats } from "./nats.ts";
import { exitOnUncaught, runUntilSignal } from "./process.ts";
import type { ValuesOf } from "./settings.ts";
import { within } from "./within.ts";

/** How long a stopping role waits for NATS to take its last messages, in milliseconds. */
const flushTimeout = 1000;

/** What every role is handed when it starts. */
export type RoleContext = {
  readonly connection: NatsConnection;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Aborts a start that is still under way when the process is told to stop. */
  readonly signal: AbortSignal;
};

export type RunningRole = {
  /** Why the role cannot do its work right now, or undefined. */
  notReady?(): string | undefined;
  /** Ends its work; what it has accepted is kept. */
  stop(): Promise<void>;
};

/**
 * Runs one role as this process: logs, serves HTTP, connects to NATS, calls `start`, and on SIGTERM or SIGINT
 * stops gently. An error that nobody caught ends the process with code 1.
 */
export async function runRole(
  name: string,
  settings: ValuesOf<typeof commonSettings>,
  start: (context: RoleContext) => Promise<RunningRole>,
  connecting: Pick<ConnectOptions, "noEcho"> = {},
): Promise<void> {
  const log = createLog(name, settings.logLevel);
  exitOnUncaught(log);
  const metrics = new Metrics(name);
  const starting = new AbortController();
  let connection: NatsConnection | undefined;
  let connected = false;
  let running: RunningRole | undefined;

  const notReady = (): string | undefined => {
    if (running === undefined) return "starting";
    return connected ? running.notReady?.() : "not connected to NATS";
  };
  let http: HttpEndpoint;
  try {
    http = await serveHttp(settings.httpHost, settings.httpPort, metrics, { notReady });
  } catch (error) {
    throw new Error(`cannot serve HTTP: ${(error as Error).message}`, { cause: error });
  }
  log.info({ http: `${settings.httpHost}:${http.port}` }, "listening");

  runUntilSignal(log, settings.shutdownGrace, async () => {
    starting.abort();
    await running?.stop();
    if (connection !== undefined) await closeConnection(connection);
    http.close();
  });

  try {
    connection = await connectNats(settings.natsUrl, `disroom ${name}`, log, {
      ...connecting,
      signal: starting.signal,
    });
    connected = true;
    void connection.closed().then((error) => {
      if (!starting.signal.aborted)
        throw new Error("the connection to NATS was closed for good", { cause: error });
    });
    void followConnection(connection, (now) => {
      connected = now;
    });
    running = await start({ connection, metrics, log, signal: starting.signal });
  } catch (error) {
    if (!starting.signal.aborted) throw error;
  }
}

/** Sends what was published last, if NATS is there to take it. */
async function closeConnection(connection: NatsConnection): Promise<void> {
  await within(
    flushTimeout,
    connection.flush().catch(() => {}),
  );
  await connection.close();
}

async function followConnection(
  connection: NatsConnection,
  set: (connected: boolean) => void,
): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect") set(false);
    if (type === "reconnect") set(true);
  }
}
