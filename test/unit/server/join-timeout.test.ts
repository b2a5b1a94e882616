import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { JoinTimeout } from "../../../src/server/join-timeout.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Waiter {
  timedOutAt: number | undefined;
  joinTimedOut(): void {
    this.timedOutAt = performance.now();
  }
}

it("tells each who stays too long, once, never early and hardly late", () => {
  const timeout = new JoinTimeout<Waiter>(1000);
  const waiters: { waiter: Waiter; since: number }[] = [];
  for (let number = 0; number < 20; number++) {
    const waiter = new Waiter();
    timeout.begin(waiter);
    waiters.push({ waiter, since: performance.now() });
    vi.advanceTimersByTime(37);
  }
  vi.advanceTimersByTime(2000);
  for (const { waiter, since } of waiters) {
    expect(waiter.timedOutAt).toBeGreaterThanOrEqual(since + 1000);
    expect(waiter.timedOutAt).toBeLessThanOrEqual(since + 1050);
    waiter.timedOutAt = undefined;
  }
  vi.advanceTimersByTime(5000);
  expect(waiters.every(({ waiter }) => waiter.timedOutAt === undefined)).toBe(true);
  timeout.close();
});

it("does not tell who has joined, or whoever waits once it is closed", () => {
  const timeout = new JoinTimeout<Waiter>(1000);
  const [joined, waits] = [new Waiter(), new Waiter()];
  timeout.begin(joined);
  timeout.begin(waits);
  timeout.end(joined);
  vi.advanceTimersByTime(900);
  timeout.close();
  vi.advanceTimersByTime(5000);
  expect([joined.timedOutAt, waits.timedOutAt]).toEqual([undefined, undefined]);
});
