import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.ts";

export type Health = {
  /** Why this process cannot do its work right now, or undefined when it can. */
  readonly notReady: () => string | undefined;
};

export type HttpEndpoint = { readonly port: number; close(): void };

/** Serves `/metrics` (Prometheus text), `/livez` (the process turns) and `/readyz` (it can do its work). */
export async function serveHttp(
  host: string,
  port: number,
  metrics: Metrics,
  health: Health,
): Promise<HttpEndpoint> {
  const server = createServer((request, response) => {
    respond(request, response, metrics, health).catch((error: Error) => response.destroy(error));
  });
  server.maxConnections = 100;
  server.requestTimeout = 10_000;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: Metrics,
  health: Health,
): Promise<void> {
  const answer = (status: number, body: string, type = "text/plain; charset=utf-8"): void => {
    response.writeHead(status, { "content-type": type }).end(body);
  };
  switch (request.url) {
    case "/metrics":
      return answer(200, await metrics.registry.metrics(), metrics.registry.contentType);
    case "/livez":
      return answer(200, "ok\n");
    case "/readyz": {
      const reason = health.notReady();
      return reason === undefined ? answer(200, "ok\n") : answer(503, `${reason}\n`);
    }
    default:
      return answer(404, "try /metrics, /livez or /readyz\n");
  }
}
