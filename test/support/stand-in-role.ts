/**
 * Stands in for a chat server or a queue worker, for tests of what runs them: it takes their flags, listens
 * where they would, says so in their words, and stops on SIGTERM.
 */

import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { parseArgs } from "node:util";

const [role = "", ...args] = process.argv.slice(2);
const { values } = parseArgs({
  args,
  strict: false,
  options: { port: { type: "string" }, host: { type: "string" }, "reuse-port": { type: "boolean" } },
});
const log = (level: number, fields: object): void => {
  process.stderr.write(`${JSON.stringify({ level, role, pid: process.pid, ...fields })}\n`);
};
if (process.env.STAND_IN_FAILS === role) {
  log(60, { msg: "this role was told to fail" });
  process.exit(1);
}
const http = createHttpServer((_, response) => response.end("ok\n")).listen(0, "127.0.0.1");
await once(http, "listening");
const address = (server: { address(): unknown }): string => {
  const { address: host, port } = server.address() as AddressInfo;
  return `${host}:${port}`;
};
let chat = {};
if (role === "server") {
  const server = createServer((socket) => socket.on("error", () => {}).end("Welcome to the DisRoom\n"));
  server.listen({
    port: Number(values.port),
    host: String(values.host),
    reusePort: values["reuse-port"] === true,
  });
  await once(server, "listening");
  chat = { chat: address(server) };
}
log(30, {
  msg: "listening",
  http: address(http),
  ...chat,
  natsUrl: process.env.DISROOM_NATS_URL !== undefined,
});
process.on("SIGTERM", () => {
  log(30, { msg: "stopped" });
  process.exit(0);
});
