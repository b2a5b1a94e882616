import { once } from "node:events";
import { connect } from "node:net";

/** Milliseconds from asking for a room's history to its last line, of `expected`. */
export async function askOnce(port: number, room: string, expected: number): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  await once(socket, "connect");
  let text = "";
  let wake = (): void => {};
  socket.on("data", (chunk) => {
    text += chunk;
    wake();
  });
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };
  socket.write(`join ${room} reader\n`);
  await until(() => text.includes("Joined room"));
  text = "";
  const started = performance.now();
  socket.write("history\n");
  await until(() => text.split("\n").length > expected || text.includes("Error:"));
  const waited = performance.now() - started;
  socket.destroy();
  if (text.includes("Error:")) throw new Error(`no history of ${room}: ${text.slice(0, 200)}`);
  return waited;
}
