import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { FrameReader, type NatsFrame } from "./nats-frame.ts";

/** A frame on its way: the parts that it goes from and to are `nats-1` and `server-1`, say. */
export type Frame = NatsFrame & { readonly from: string; readonly to: string };

/** What becomes of a frame; what is held goes on behind all that came before it was let go. */
export type Fate = "pass" | "drop" | "hold";

type Link = { readonly from: string; readonly to: string; readonly port: number; readonly server: Server };

/** The connections from parts of a cluster to NATS, by way of proxies that lose or hold back single messages. */
export class NatsFilter {
  /** Asked about every frame, in both directions. */
  rule: (frame: Frame) => Fate = () => "pass";
  /** Parts whose connections are refused. */
  readonly refused = new Set<string>();
  readonly #unused: Server[];
  readonly #links: Link[] = [];
  readonly #sockets = new Map<Socket, Link>();
  readonly #held: { readonly target: Socket; readonly bytes: Buffer }[] = [];

  private constructor(servers: readonly Server[]) {
    this.#unused = [...servers];
  }

  /** `count` is how many links there will be: who asks for a port cannot wait. */
  static async open(count: number): Promise<NatsFilter> {
    const servers = Array.from({ length: count }, () =>
      createServer({ noDelay: true }).listen(0, "127.0.0.1"),
    );
    await Promise.all(servers.map((server) => once(server, "listening")));
    return new NatsFilter(servers);
  }

  /** A port that leads from one part to another, which listens on `port`. */
  portFor(from: string, to: string, port: number): number {
    const link =
      this.#links.find((known) => known.from === from && known.to === to) ?? this.#add(from, to, port);
    return (link.server.address() as AddressInfo).port;
  }

  #add(from: string, to: string, port: number): Link {
    const server = this.#unused.shift();
    if (server === undefined) throw new Error(`nobody listens for the link from ${from} to ${to}`);
    const link = { from, to, port, server };
    server.on("connection", (socket) => this.#accept(socket, link));
    this.#links.push(link);
    return link;
  }

  /** Breaks a part's connections off. */
  cut(from: string): void {
    for (const [socket, link] of this.#sockets) if (link.from === from) socket.resetAndDestroy();
  }

  /** Lets go what was held. */
  release(): void {
    for (const { target, bytes } of this.#held.splice(0)) target.write(bytes);
  }

  close(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
    for (const server of [...this.#unused, ...this.#links.map(({ server }) => server)]) server.close();
  }

  #accept(near: Socket, link: Link): void {
    near.on("error", () => {});
    if (this.refused.has(link.from)) return void near.resetAndDestroy();
    const far = connect({ port: link.port, host: "127.0.0.1", noDelay: true });
    far.on("error", () => {});
    this.#pass(near, far, link, link.from, link.to);
    this.#pass(far, near, link, link.to, link.from);
  }

  #pass(source: Socket, target: Socket, link: Link, from: string, to: string): void {
    const reader = new FrameReader();
    this.#sockets.set(source, link);
    source.on("data", (chunk) => {
      for (const frame of reader.read(chunk)) {
        const fate = this.rule({ ...frame, from, to });
        if (fate === "hold") this.#held.push({ target, bytes: frame.bytes });
        else if (fate === "pass") target.write(frame.bytes);
      }
    });
    source.on("close", () => {
      this.#sockets.delete(source);
      target.destroySoon();
    });
  }
}
