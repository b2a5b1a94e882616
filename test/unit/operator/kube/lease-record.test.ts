import { expect, test } from "vitest";
import { claim, type Lease, type LeaseSpec, SeenLease } from "../../../../src/operator/kube/lease-record.ts";

const lease = (resourceVersion: string, spec: LeaseSpec): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "x", resourceVersion },
  spec,
});
const held = { holderIdentity: "other", leaseDurationSeconds: 15 };

test("another one has it until its duration after it was last seen to change, whatever time it wrote", () => {
  const seen = new SeenLease();
  const isHeld = (now: number): boolean => seen.isHeldByOther("me", 15_000, now);
  expect(isHeld(0)).toBe(false);
  seen.see(lease("1", { ...held, renewTime: "1999-01-01T00:00:00.000000Z" }), 1000);
  expect(isHeld(15_999)).toBe(true);
  expect(isHeld(16_000)).toBe(false);
  seen.see(lease("1", held), 10_000);
  expect(isHeld(16_000)).toBe(false);
  seen.see(lease("2", { ...held, renewTime: "2999-01-01T00:00:00.000000Z" }), 20_000);
  expect(isHeld(34_999)).toBe(true);
  expect(isHeld(35_000)).toBe(false);
});

test("its own duration counts, and the usual one where it says none", () => {
  const seen = new SeenLease();
  seen.see(lease("1", { ...held, leaseDurationSeconds: 60 }), 0);
  expect(seen.isHeldByOther("me", 15_000, 59_999)).toBe(true);
  seen.see(lease("2", { holderIdentity: "other" }), 0);
  expect(seen.isHeldByOther("me", 15_000, 14_999)).toBe(true);
  expect(seen.isHeldByOther("me", 15_000, 15_000)).toBe(false);
});

test("nobody has it whose name it does not say, and oneself is nobody else", () => {
  const seen = new SeenLease();
  seen.see(lease("1", { ...held, holderIdentity: "" }), 0);
  expect(seen.isHeldByOther("me", 15_000, 1)).toBe(false);
  seen.see(lease("2", { ...held, holderIdentity: "me" }), 0);
  expect(seen.isHeldByOther("me", 15_000, 1)).toBe(false);
  seen.see(lease("3", held), 0);
  seen.forget();
  expect(seen.isHeldByOther("me", 15_000, 1)).toBe(false);
});

test("counts how often it went to another one", () => {
  const first = claim(undefined, "a", 15_000);
  expect(first).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 });
  expect(first.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const renewed = claim({ ...first, acquireTime: "then" }, "a", 15_000);
  expect(renewed).toMatchObject({ acquireTime: "then", leaseTransitions: 0 });
  expect(claim(renewed, "b", 15_000)).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
});
