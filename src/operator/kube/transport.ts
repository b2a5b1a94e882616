import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { ConnectionOptions, Credentials } from "./credentials.ts";

/** How long a connection is kept that nobody uses: the API server itself closes it somewhat later. */
const idleTimeout = 60_000;
/** After this long without a byte, the system asks whether the other host is still there, and gives up 10 s later. */
const keepAliveDelay = 15_000;

export type WireRequest = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
};

/** HTTPS to the API server, on connections that are used again. */
export class Transport {
  readonly #credentials: Credentials;
  readonly #userAgent: string;
  // The certificates are part of what its connections are known by: new ones are not used on old connections.
  readonly #agent = new Agent({ keepAlive: true, timeout: idleTimeout });

  constructor(credentials: Credentials, userAgent: string) {
    this.#credentials = credentials;
    this.#userAgent = userAgent;
  }

  /** The host of the API server, as metrics name it. */
  get host(): string {
    return this.#credentials.server.host;
  }

  /** What to send a request with. It may take long: a plugin may be asked. */
  prepare(signal: AbortSignal): Promise<ConnectionOptions> {
    return unlessAborted(this.#credentials.options(), signal);
  }

  /** Sends a request; done when the head of the answer is there. The signal ends the answer as well. */
  open(
    { method, path, body, contentType }: WireRequest,
    { headers, ...options }: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { hostname, port, pathname } = this.#credentials.server;
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent: this.#agent,
        ...options,
        method,
        // An address of IPv6 has brackets in a URL only.
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port: port || 443,
        path: `${pathname.replace(/\/$/, "")}${path}`,
        headers: {
          ...headers,
          accept: "application/json",
          "user-agent": this.#userAgent,
          ...(body !== undefined && {
            "content-type": contentType ?? "application/json",
            "content-length": Buffer.byteLength(body),
          }),
        },
        signal,
      });
      outgoing.once("socket", (socket) => socket.setKeepAlive(true, keepAliveDelay));
      outgoing.once("response", resolve);
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** After a refusal of a request that was sent at `sentAt`: whether who this is may be known better now. */
  refreshCredentials(sentAt: number): boolean {
    return this.#credentials.refresh(sentAt);
  }

  /** Closes the connections that nobody uses: where one of them is dead, the others may be. */
  closeIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
