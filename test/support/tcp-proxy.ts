import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

type Pair = { readonly near: Socket; readonly far: Socket; isFrozen: boolean };

/** Connections to a port of this machine, by way of a proxy that cuts them or goes silent. */
export class TcpProxy {
  /** Connections that come from now on are refused. */
  isRefusing = false;
  /** Connections that come from now on are taken, and nothing passes. */
  isSilent = false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** How many bytes still come back before everything is cut; undefined for no end. */
  #bytesBack: number | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    server.on("connection", (near) => this.#accept(near, port));
  }

  static async open(port: number): Promise<TcpProxy> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, port);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Breaks all connections off. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** The connections that there are stay open, but nothing passes over them any more, for ever. */
  freeze(): void {
    for (const pair of this.#pairs) pair.isFrozen = true;
  }

  /** Breaks all connections off once this many bytes have come back. */
  cutAfter(bytes: number): void {
    this.#bytesBack = bytes;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #accept(near: Socket, port: number): void {
    near.on("error", () => {});
    if (this.isRefusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    far.on("error", () => {});
    const pair = { near, far, isFrozen: this.isSilent };
    this.#pairs.add(pair);
    near.on("data", (chunk) => {
      if (!pair.isFrozen) far.write(chunk);
    });
    far.on("data", (chunk) => {
      if (!pair.isFrozen) this.#passBack(near, chunk);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on("close", () => {
        this.#pairs.delete(pair);
        // Nobody is told over a frozen connection that the other one is gone.
        if (!pair.isFrozen) other.destroySoon();
        else if (socket === near) far.destroy();
      });
    }
  }

  #passBack(near: Socket, chunk: Buffer): void {
    if (this.#bytesBack === undefined || chunk.length < this.#bytesBack) {
      if (this.#bytesBack !== undefined) this.#bytesBack -= chunk.length;
      near.write(chunk);
      return;
    }
    near.write(chunk.subarray(0, this.#bytesBack));
    this.#bytesBack = undefined;
    // What was written last arrives: a reset would take it back.
    for (const pair of this.#pairs) {
      pair.near.destroySoon();
      pair.far.destroy();
    }
  }
}
