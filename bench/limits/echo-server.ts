// Sends back what it gets, over TCP; tells its parent its port.
import { type AddressInfo, createServer } from "node:net";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {});
  socket.on("data", (chunk) => socket.write(chunk));
});
server.listen({ port: 0, host: "127.0.0.1" }, () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.once("disconnect", () => process.exit());
