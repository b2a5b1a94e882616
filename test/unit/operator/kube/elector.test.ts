import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { KubeApi } from "../../../../src/operator/kube/api.ts";
import { KubeApiError } from "../../../../src/operator/kube/api-error.ts";
import { Elector } from "../../../../src/operator/kube/elector.ts";
import type { Lease } from "../../../../src/operator/kube/lease-record.ts";
import { recordingLog } from "../../../support/recording-log.ts";

// Those timers that fake ones do not replace.
vi.mock("node:timers/promises", () => ({
  setTimeout: (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
}));

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** An elector whose writes are answered after so many milliseconds, one after the other; the last one for ever on. */
function electorWith(...delays: number[]): Elector {
  let version = 0;
  const write = (): Promise<Lease> => {
    const delay = (delays.length > 1 ? delays.shift() : delays[0]) ?? 0;
    const metadata = { name: "x", resourceVersion: String(++version) };
    const lease = { apiVersion: "v1", kind: "Lease", metadata, spec: { holderIdentity: "me" } };
    return new Promise((resolve) => setTimeout(() => resolve(lease), delay));
  };
  const none = async (): Promise<never> => {
    throw KubeApiError.ofAnswer("get", 404, "");
  };
  const api = { get: none, create: write, mergePatch: write } as unknown as KubeApi;
  const elector = new Elector({
    api,
    log: recordingLog().log,
    namespace: "default",
    name: "x",
    identity: "me",
  });
  elector.start();
  return elector;
}

const never = 1e9;

test("leads for its deadline after what was answered was sent, not after the answer came", async () => {
  const elector = electorWith(4000, never);
  await vi.advanceTimersByTimeAsync(3999);
  expect(elector.isLeader()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(elector.isLeader()).toBe(true);
  await vi.advanceTimersByTimeAsync(5999);
  expect(elector.isLeader()).toBe(true);
  await vi.advanceTimersByTimeAsync(10);
  expect(elector.lost.aborted).toBe(true);
  expect(elector.isLeader()).toBe(false);
});

test("an answer that comes after the deadline does not make it lead", async () => {
  const elector = electorWith(11_000, 0);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(elector.isLeader()).toBe(false);
  expect(elector.lost.aborted).toBe(false);
  // It has the lease, though, and leads from the next answer on.
  await vi.advanceTimersByTimeAsync(2500);
  expect(elector.isLeader()).toBe(true);
});

test("what is renewed too late is lost for good", async () => {
  const elector = electorWith(0, 12_000, 0);
  await vi.advanceTimersByTimeAsync(9999);
  expect(elector.isLeader()).toBe(true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(elector.isLeader()).toBe(false);
  expect(elector.lost.reason).toMatchObject({ message: "the lease was not renewed in time" });
});

test("goes on leading for as long as it is answered", async () => {
  const elector = electorWith(100);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(elector.isLeader()).toBe(true);
});
