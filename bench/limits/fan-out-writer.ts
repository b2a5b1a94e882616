// Accepts connections and writes the same bytes to all of them, as fast as they take them; it reads nothing.
// Takes { connections, bytes } from its parent, tells its port, and begins when all have come.
import { type AddressInfo, createServer, type Socket } from "node:net";

process.once("message", ({ connections, bytes }: { connections: number; bytes: number }) => {
  const payload = Buffer.alloc(bytes, "x");
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    if (sockets.length === connections) writeOn(sockets, payload);
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
});
process.once("disconnect", () => process.exit());

/** One write to each member in a turn, as a chat server has it; none to those that have yet to read the last. */
function writeOn(sockets: readonly Socket[], payload: Buffer): void {
  for (const socket of sockets) {
    if (!socket.destroyed && socket.writableLength === 0) socket.write(payload);
  }
  setImmediate(writeOn, sockets, payload);
}
