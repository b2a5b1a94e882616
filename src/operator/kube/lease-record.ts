import type { KubeObject } from "./objects.ts";

/** What a coordination.k8s.io/v1 Lease says. */
export type LeaseSpec = {
  /** Empty when whoever had it has given it back. */
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
};

export type Lease = KubeObject & { readonly spec?: LeaseSpec };

/**
 * The lease as it was last seen, and since when it has not changed by the clock of this process: the times that are
 * written in it are by clocks that may be wrong.
 */
export class SeenLease {
  #lease: Lease | undefined;
  #changedAt = 0;

  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** It counts as changed when the news of it arrived, which is never before it was written. */
  see(lease: Lease, now: number): void {
    if (this.#lease?.metadata.resourceVersion !== lease.metadata.resourceVersion) this.#changedAt = now;
    this.#lease = lease;
  }

  /** There is none any more. */
  forget(): void {
    this.#lease = undefined;
  }

  /** Whether somebody else has it whose time, `duration` where the lease does not say, is not over. */
  isHeldByOther(identity: string, duration: number, now: number): boolean {
    const { holderIdentity, leaseDurationSeconds } = this.#lease?.spec ?? {};
    if (!holderIdentity || holderIdentity === identity) return false;
    return now - this.#changedAt < (leaseDurationSeconds ? leaseDurationSeconds * 1000 : duration);
  }
}

/** What `identity` writes into a lease to take it or to renew it. */
export function claim(old: LeaseSpec | undefined, identity: string, duration: number): LeaseSpec {
  const now = microTime();
  const isRenewal = old?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: duration / 1000,
    acquireTime: isRenewal ? (old.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: (old?.leaseTransitions ?? 0) + (old === undefined || isRenewal ? 0 : 1),
  };
}

/** What is written into a lease to give it back: the next one need not wait. */
export function surrender(): LeaseSpec {
  return { holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime() };
}

/** The time of day with the six digits that Kubernetes wants here. */
function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
