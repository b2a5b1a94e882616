import type { NatsConnection } from "@nats-io/transport-node";
import { createLog } from "../platform/log.ts";
import { connectNats } from "../platform/nats.ts";
import { LagMeter, type Measured } from "../scaling/lag-meter.ts";
import type { Part, PartKind } from "./supervisor.ts";

/** Measures the lag of a cluster of this machine, over a connection that it makes when it is asked first. */
export class LocalLag {
  readonly #natsUrl: string;
  readonly #list: (kind: PartKind) => readonly Part[];
  readonly #stop = new AbortController();
  #open: Promise<{ readonly connection: NatsConnection; readonly meter: LagMeter }> | undefined;

  constructor(natsUrl: string, list: (kind: PartKind) => readonly Part[]) {
    this.#natsUrl = natsUrl;
    this.#list = list;
  }

  /**
   * One measurement at a time; what it says of the work done is of the time since the one before.
   * @throws LagUnknown
   */
  async measure(): Promise<Measured> {
    this.#open ??= this.#connect();
    const { meter } = await this.#open;
    const ready = (kind: PartKind): number => this.#list(kind).filter(({ isReady }) => isReady).length;
    return meter.measure({ servers: ready("server"), workers: ready("worker") });
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error("the cluster was stopped"));
    const open = await this.#open?.catch(() => undefined);
    await open?.connection.close();
  }

  async #connect() {
    const { signal } = this.#stop;
    signal.throwIfAborted();
    const connection = await connectNats(this.#natsUrl, "disroom up", createLog("up", "silent"), { signal });
    return { connection, meter: new LagMeter(connection) };
  }
}
