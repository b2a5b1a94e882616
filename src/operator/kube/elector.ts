import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../platform/log.ts";
import type { KubeApi } from "./api.ts";
import { KubeApiError } from "./api-error.ts";
import type { RequestOptions } from "./client.ts";
import { claim, type Lease, type LeaseSpec, SeenLease, surrender } from "./lease-record.ts";
import { resources } from "./resource.ts";

export type ElectorSettings = {
  /** One of its own, so that no rate limit holds a renewal back. */
  readonly api: KubeApi;
  readonly log: Log;
  readonly namespace: string;
  /** Of the lease. */
  readonly name: string;
  /** Of this process: no other one may ever have the same. */
  readonly identity: string;
  /** How long others wait after the last renewal that they saw, in milliseconds; whole seconds. */
  readonly leaseDuration?: number;
  /** How long after its last renewal this one leads; shorter, so that it stops before others start. */
  readonly renewDeadline?: number;
  /** The pause between two tries. */
  readonly retryPeriod?: number;
  readonly onChange?: (isLeader: boolean) => void;
};

/** How long giving the lease back may take, in milliseconds. */
const releaseTimeLimit = 2000;

/**
 * Leader election as client-go does it: of all processes with the same lease, one leads. It holds on to the lease by
 * writing to it again and again; who sees no such writing for the lease's duration may take it. Each goes by its own
 * clock, which never jumps; only how fast two clocks run must agree, to a third.
 *
 * It leads once: when it could not renew in time, or another one has the lease, it is over for good, and the process
 * is to exit.
 */
export class Elector {
  /** Done when it leads; never if it does not come to that. */
  readonly leading: Promise<void>;
  readonly #settings: Required<Omit<ElectorSettings, "onChange">> & Pick<ElectorSettings, "onChange">;
  readonly #leading = Promise.withResolvers<void>();
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #seen = new SeenLease();
  #ended: Promise<void> = Promise.resolve();
  #isOver = false;
  /** Until when it leads (performance.now()); undefined while it does not yet. */
  #leadsUntil: number | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(settings: ElectorSettings) {
    this.#settings = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2000, ...settings };
    const { leaseDuration, renewDeadline, retryPeriod } = this.#settings;
    if (leaseDuration <= renewDeadline || renewDeadline <= retryPeriod * 1.2 || leaseDuration % 1000 !== 0) {
      throw new Error("a lease must be longer than its renewal may take, and that longer than its pauses");
    }
    this.leading = this.#leading.promise;
  }

  /** Aborts when it leads no more, with the reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Whether it leads at this moment. Also a process that was frozen and has not noticed yet gets the right answer:
   * it is to be asked before everything that only the leader may do.
   */
  isLeader(): boolean {
    if (this.#isOver || this.#leadsUntil === undefined) return false;
    if (performance.now() < this.#leadsUntil) return true;
    this.#lose("the lease was not renewed in time");
    return false;
  }

  /** Throws where it does not lead: for `beforeWrite` of a KubeApi. */
  readonly assertLeader = (): void => {
    if (!this.isLeader()) throw new Error("this process does not lead");
  };

  start(): void {
    this.#ended = this.#run();
  }

  /**
   * Gives the lease back, so that nobody needs to wait: to be called when the leader's work has ended. It leads no
   * more from the first moment on.
   */
  async stop(): Promise<void> {
    const wasLeader = this.isLeader();
    this.#stop.abort(new Error("stopped"));
    this.#lose("stopped");
    await this.#ended;
    if (wasLeader) await this.#release();
  }

  async #run(): Promise<void> {
    const { retryPeriod, log, name } = this.#settings;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted && !this.#isOver; ) {
      try {
        await this.#acquireOrRenew();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof KubeApiError)) throw error;
        // Another one was quicker: what it wrote is seen the next time.
        if (!isSurprise(error) && failures++ === 0) {
          log.warn({ err: error, lease: name }, "cannot read or renew the lease, trying again");
        }
      }
      const pause = retryPeriod * (1 + Math.random() / 5);
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }

  async #acquireOrRenew(): Promise<void> {
    // While it leads, what it wrote last is known.
    if (!this.isLeader()) await this.#look();
    if (this.#isOver || this.#isHeldByOther()) return;
    const sentAt = performance.now();
    try {
      this.#seen.see(await this.#claim(), performance.now());
    } catch (error) {
      // Somebody else has written since.
      if (error instanceof KubeApiError && isSurprise(error)) await this.#look();
      if (this.#leadsUntil !== undefined && this.#isHeldByOther())
        this.#lose("another process has the lease");
      throw error;
    }
    this.#lead(sentAt + this.#settings.renewDeadline);
  }

  #isHeldByOther(): boolean {
    const { identity, leaseDuration } = this.#settings;
    return this.#seen.isHeldByOther(identity, leaseDuration, performance.now());
  }

  #claim(): Promise<Lease> {
    const { api, identity, leaseDuration, namespace, name } = this.#settings;
    const { lease } = this.#seen;
    const spec = claim(lease?.spec, identity, leaseDuration);
    if (lease !== undefined) return this.#write(lease, spec, this.#options);
    const { group, version, kind } = resources.leases;
    const created = { apiVersion: `${group}/${version}`, kind, metadata: { namespace, name }, spec };
    return api.create<Lease>(resources.leases, created, this.#options);
  }

  /** Refused where somebody has written since `lease` was seen. */
  #write(lease: Lease, spec: LeaseSpec, options: RequestOptions): Promise<Lease> {
    const { api, namespace, name } = this.#settings;
    const { resourceVersion } = lease.metadata;
    return api.mergePatch(
      resources.leases,
      { namespace, name },
      { metadata: { resourceVersion }, spec },
      options,
    );
  }

  async #look(options = this.#options): Promise<void> {
    const { api, namespace, name } = this.#settings;
    try {
      const lease = await api.get<Lease>(resources.leases, { namespace, name }, options);
      this.#seen.see(lease, performance.now());
    } catch (error) {
      if (!(error instanceof KubeApiError) || !error.isNotFound) throw error;
      this.#seen.forget();
    }
  }

  /** A request that hangs leaves time for another one, over another connection. */
  get #options(): RequestOptions {
    return { signal: this.#stop.signal, timeLimit: this.#settings.renewDeadline / 2 };
  }

  #lead(until: number): void {
    const { log, onChange, name, identity } = this.#settings;
    const isFirst = this.#leadsUntil === undefined;
    const now = performance.now();
    // The answer was long on its way, or this process was frozen.
    if (this.#isOver || until <= now) return;
    this.#leadsUntil = until;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.isLeader(), until - now + 1);
    if (!isFirst) return;
    log.info({ lease: name, identity }, "leading");
    onChange?.(true);
    this.#leading.resolve();
  }

  #lose(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    const { log, onChange, name } = this.#settings;
    if (this.#leadsUntil !== undefined) {
      if (!this.#stop.signal.aborted) log.warn({ lease: name, reason }, "leads no more");
      onChange?.(false);
    }
    // Last, since whoever listens may end the process.
    this.#lost.abort(new Error(reason));
  }

  async #release(): Promise<void> {
    const { identity, log, name } = this.#settings;
    const options = { timeLimit: releaseTimeLimit };
    try {
      // A renewal that was under way may have got through.
      await this.#look(options);
      const { lease } = this.#seen;
      if (lease?.spec?.holderIdentity === identity) await this.#write(lease, surrender(), options);
    } catch (error) {
      log.warn({ err: error, lease: name }, "cannot give the lease back");
    }
  }
}

/** Whether it shows that the lease is not what it was taken for. */
function isSurprise(error: KubeApiError): boolean {
  return error.isConflict || error.isAlreadyExists || error.isNotFound;
}
