import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

const keepAliveDelay = 30_000;

export type ListenerOptions = {
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly maxConnections: number;
  readonly onConnection: (socket: Socket) => void;
  readonly onRefused: () => void;
};

/** Accepts chat connections, up to a limit; one more gets a line that says so. */
export class Listener {
  readonly #server: Server;
  #connections = 0;
  /** One for all. */
  readonly #onClose = (): void => {
    this.#connections--;
  };

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(options: ListenerOptions): Promise<Listener> {
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelay,
    });
    const listener = new Listener(server);
    server.on("connection", (socket) => listener.#accept(socket, options));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        { host: options.host, port: options.port, reusePort: options.reusePort, backlog: 4096 },
        () => {
          server.off("error", reject);
          resolve();
        },
      );
    });
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Accepts nothing more; what is connected stays. Resolves when the last connection is gone. */
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket, { maxConnections, onConnection, onRefused }: ListenerOptions): void {
    if (this.#connections >= maxConnections) {
      onRefused();
      socket.on("error", () => {});
      socket.end(`Error: the server is full (${maxConnections} connections), try again later\n`);
      socket.resume();
      socket.setTimeout(1000, () => socket.destroy());
      return;
    }
    this.#connections++;
    socket.on("close", this.#onClose);
    onConnection(socket);
  }
}
