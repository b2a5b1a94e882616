import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { PortFor } from "../../src/local/parts.ts";
import { freePorts } from "../../src/local/ports.ts";

const loopback = "127.0.0.1";

/** What a link does with the bytes of one direction. A real network delays bytes, or loses the connection. */
export type Condition =
  | { readonly kind: "fine" }
  /** Nothing passes. */
  | { readonly kind: "silent" }
  | { readonly kind: "slow"; readonly delay: number; readonly bytesPerSecond: number };

export const fine: Condition = { kind: "fine" };

/** What a silent direction still takes, in bytes: it is on its way, and arrives even if its sender is gone. */
const underWay = 65_536;

/** The TCP connections from one part to another, by way of a proxy. */
export class Link {
  readonly from: string;
  readonly to: string;
  readonly #port: number;
  readonly #server: Server;
  readonly #pairs = new Set<{
    readonly near: Socket;
    readonly far: Socket;
    readonly flows: readonly Flow[];
  }>();
  #there: Condition = fine;
  #back: Condition = fine;
  #refusing = false;

  /** `server` listens already. */
  constructor(from: string, to: string, port: number, server: Server) {
    this.from = from;
    this.to = to;
    this.#port = port;
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** Where `from` is to connect to. */
  get proxyPort(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether anything is connected by way of it. */
  get inUse(): boolean {
    return [...this.#pairs].some(({ near }) => !near.destroyed);
  }

  /** Sets what becomes of bytes from now on, to `to` and back. */
  set(there: Condition, back: Condition): void {
    this.#there = there;
    this.#back = back;
    for (const { flows } of this.#pairs) {
      flows[0]?.set(there);
      flows[1]?.set(back);
    }
  }

  /** Refuses connections or takes them again. */
  set refusing(refusing: boolean) {
    this.#refusing = refusing;
  }

  /** Ends all connections at once; what is on its way is lost. */
  reset(): void {
    for (const { near, far, flows } of this.#pairs) {
      for (const flow of flows) flow.drop();
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    this.reset();
  }

  /** The port that the proxy has at its far end for the connection from `port`; undefined when that is not open. */
  farPort(port: number): number | undefined {
    for (const { near, far } of this.#pairs) if (near.remotePort === port) return far.localPort;
    return undefined;
  }

  #accept(near: Socket): void {
    near.on("error", () => {});
    if (this.#refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#port, host: loopback, noDelay: true, allowHalfOpen: true });
    far.on("error", () => {});
    const pair = { near, far, flows: [new Flow(near, far, this.#there), new Flow(far, near, this.#back)] };
    this.#pairs.add(pair);
    for (const [socket, other, flow] of [
      [near, far, pair.flows[0]],
      [far, near, pair.flows[1]],
    ] as const) {
      socket.on("close", () =>
        flow?.whenPassed(() => {
          this.#pairs.delete(pair);
          // Nobody is there any more to answer to.
          other.destroySoon();
        }),
      );
    }
  }
}

/** One direction of one connection. */
class Flow {
  readonly #source: Socket;
  readonly #target: Socket;
  #condition: Condition;
  #waiting = false;
  #wake: NodeJS.Timeout | undefined;
  #underWay: Buffer[] = [];
  #bytesUnderWay = 0;
  /** What is to follow when nothing is under way any more. */
  #then: (() => void)[] = [];

  constructor(source: Socket, target: Socket, condition: Condition) {
    this.#source = source;
    this.#target = target;
    this.#condition = condition;
    source.on("data", (chunk) => this.#pass(chunk));
    source.on("end", () => this.whenPassed(() => target.end()));
    source.on("close", () => clearTimeout(this.#wake));
    target.on("drain", () => {
      this.#waiting = false;
      this.#flow();
    });
    this.#flow();
  }

  set(condition: Condition): void {
    this.#condition = condition;
    clearTimeout(this.#wake);
    if (condition.kind !== "silent") {
      for (const chunk of this.#underWay) this.#write(chunk);
      this.drop();
    }
    this.#flow();
  }

  /** Calls back when all that came from the source has been passed on, or is lost. */
  whenPassed(callback: () => void): void {
    // The end of a connection does not get through a silent one either.
    if (this.#condition.kind === "silent") this.#then.push(callback);
    else callback();
  }

  /** Loses what is under way. */
  drop(): void {
    this.#underWay = [];
    this.#bytesUnderWay = 0;
    for (const callback of this.#then.splice(0)) callback();
  }

  #flow(): void {
    // What is not read fills the buffers of the system, as on a network that passes nothing on.
    const isFull = this.#condition.kind === "silent" && this.#bytesUnderWay >= underWay;
    if (this.#waiting || isFull) this.#source.pause();
    else this.#source.resume();
  }

  #pass(chunk: Buffer): void {
    if (this.#condition.kind === "silent") {
      this.#underWay.push(chunk);
      this.#bytesUnderWay += chunk.length;
      return this.#flow();
    }
    if (this.#condition.kind === "slow") {
      const { delay, bytesPerSecond } = this.#condition;
      this.#source.pause();
      this.#wake = setTimeout(() => this.#flow(), delay + (1000 * chunk.length) / bytesPerSecond);
    }
    this.#write(chunk);
  }

  #write(chunk: Buffer): void {
    if (this.#target.destroyed || this.#target.write(chunk)) return;
    this.#waiting = true;
    this.#source.pause();
  }
}

/** Every link between two parts of a cluster. */
export class Links {
  readonly #links: Link[] = [];
  readonly #unused: Server[];

  private constructor(servers: readonly Server[]) {
    this.#unused = [...servers];
  }

  /** `count` is how many there will be: their ports are taken before the parts choose theirs. */
  static async open(count: number): Promise<Links> {
    const servers: Server[] = [];
    while (servers.length < count) {
      for (const port of await freePorts(count - servers.length)) {
        const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(port, loopback);
        // Somebody else may be quicker.
        const isListening = await once(server, "listening").then(
          () => true,
          () => false,
        );
        if (isListening) servers.push(server);
      }
    }
    return new Links(servers);
  }

  readonly portFor: PortFor = (from, to, port) => {
    const known = this.#links.find((link) => link.from === from && link.to === to);
    if (known !== undefined) return known.proxyPort;
    const server = this.#unused.shift();
    if (server === undefined) throw new Error(`nobody listens for the link from ${from} to ${to}`);
    const link = new Link(from, to, port, server);
    this.#links.push(link);
    return link.proxyPort;
  };

  /** The links between two parts, whichever of them connects. */
  between(one: string, other: string): Link[] {
    return this.#links.filter(
      ({ from, to }) => (from === one && to === other) || (from === other && to === one),
    );
  }

  heal(): void {
    for (const link of this.#links) {
      link.refusing = false;
      link.set(fine, fine);
    }
  }

  close(): void {
    for (const link of this.#links) link.close();
    for (const server of this.#unused) server.close();
  }
}
