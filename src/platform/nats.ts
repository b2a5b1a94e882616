import { connect, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import type { Log } from "./log.ts";

export type ConnectOptions = {
  readonly signal?: AbortSignal;
  /** Whether what this connection publishes does not come back to its own subscriptions. */
  readonly noEcho?: boolean;
};

/**
 * Connects to NATS and stays connected for as long as the process lives.
 *
 * `urls` is a comma-separated list, `nats://user:password@host:4222,...`. The first connection is retried
 * until `signal` aborts (a server that is still starting is no error); a lost one is retried for ever, since
 * chat clients stay connected meanwhile. A silent link is noticed after at most three ping intervals (6 s).
 */
export async function connectNats(
  urls: string,
  name: string,
  log: Log,
  { signal, noEcho = false }: ConnectOptions = {},
): Promise<NatsConnection> {
  const options = {
    ...optionsOf(urls, name),
    noEcho,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    ignoreAuthErrorAbort: true,
  };
  for (let warned = false; ; warned = true) {
    try {
      const connection = await connect(options);
      void logStatus(connection, log);
      return connection;
    } catch (error) {
      if (!warned) log.warn({ err: error, servers: options.servers }, "cannot reach NATS yet, trying again");
      if (signal?.aborted)
        throw new Error(`no connection to NATS: ${(error as Error).message}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/**
 * Connects to NATS once: an attempt that fails rejects within some seconds, and a connection that is lost is closed.
 * For whoever has many connections and decides when to try again.
 */
export function connectOnce(urls: string, name: string): Promise<NatsConnection> {
  return connect({ ...optionsOf(urls, name), reconnect: false });
}

/** A silent link is noticed after at most three ping intervals. */
function optionsOf(urls: string, name: string) {
  const servers = urls.split(",").map((url) => new URL(url));
  const { username, password } = servers[0] ?? {};
  return {
    name,
    servers: servers.map((url) => url.host),
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password ?? "") } : {}),
    timeout: 2000,
    pingInterval: 2000,
    maxPingOut: 2,
    // A stack trace per request costs more than the request.
    noAsyncTraces: true,
  };
}

/** Does some work with a connection, which ends with it; also when `signal` aborts, and with it a request that waits. */
export async function closing<T>(
  connection: NatsConnection,
  signal: AbortSignal,
  work: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const close = (): void => void connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    return await work(connection);
  } finally {
    signal.removeEventListener("abort", close);
    await connection.close();
  }
}

async function logStatus(connection: NatsConnection, log: Log): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") log.warn({ server: status.server }, "lost the connection to NATS");
    if (status.type === "reconnect") log.info({ server: status.server }, "connected to NATS again");
    if (status.type === "error") log.error({ err: status.error }, "NATS reports an error");
  }
}

/**
 * Subscribes with a callback. What the callback throws ends the process: the client library would otherwise
 * stop reading from its connection and the process would limp on, deaf.
 */
export function subscribe(
  connection: NatsConnection,
  subject: string,
  callback: (message: Msg) => void,
): Subscription {
  return connection.subscribe(subject, {
    callback: (error, message) => {
      try {
        if (error !== null) throw new Error(`subscription to ${subject} failed`, { cause: error });
        callback(message);
      } catch (thrown) {
        process.nextTick(() => {
          throw thrown;
        });
      }
    },
  });
}
