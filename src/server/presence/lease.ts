import { performance } from "node:perf_hooks";
import type { Commands } from "./commands.ts";
import type { Standing } from "./ledger.ts";

/** This server's lease, and what its renewals tell about Redis. */
export class Lease {
  readonly #commands: Commands;
  readonly #milliseconds: number;
  #runId = "";
  #renewals = 0;
  #number = 0;
  #renewedAt = 0;
  #steadySince = 0;
  /** What Redis was at the last renewal, and what it was when the server was last in line with it. */
  #seen = { contents: "", knownSince: 0 };
  #accepted = this.#seen;

  constructor(commands: Commands, milliseconds: number) {
    this.#commands = commands;
    this.#milliseconds = milliseconds;
  }

  /** The number of the renewal in force. A batch is only recorded under this number. */
  get number(): number {
    return this.#number;
  }

  /**
   * Whether others' leases may be judged: only after a whole lease of steady renewals of one's own, since when
   * Redis or this process stood still, everybody's lease ran out.
   */
  get steady(): boolean {
    return this.#renewedAt - this.#steadySince >= this.#milliseconds;
  }

  /** Milliseconds to the next renewal: up to a third of the lease, and somewhat at random. */
  interval(): number {
    return (this.#milliseconds / 3) * (1 - Math.random() / 4);
  }

  /** Begins on a new connection. */
  async begin(): Promise<void> {
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    this.#runId = await this.#commands.runId();
  }

  /** Renews the lease and tells how Redis stands to what it was when `accept` was last called. */
  async renew(): Promise<Standing> {
    const number = ++this.#renewals;
    const { epoch, knownSince } = await this.#commands.renew(number);
    this.#number = number;
    const now = performance.now();
    if (now - this.#renewedAt > (this.#milliseconds * 2) / 3) this.#steadySince = now;
    this.#renewedAt = now;
    // A restarted Redis may have loaded an old snapshot: the epoch alone would not show it.
    this.#seen = { contents: `${this.#runId}/${epoch}`, knownSince };
    if (this.#accepted.contents === "") return "new";
    if (this.#seen.contents !== this.#accepted.contents) return "forgotten";
    return knownSince === this.#accepted.knownSince ? "kept" : "reaped";
  }

  /** What the last renewal told has been acted upon. */
  accept(): void {
    this.#accepted = this.#seen;
  }
}
