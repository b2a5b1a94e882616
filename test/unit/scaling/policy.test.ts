import { describe, expect, test } from "vitest";
import {
  type Decision,
  decide,
  initialState,
  type PolicyState,
  type Seen,
} from "../../../src/scaling/policy.ts";
import type { LagSample } from "../../../src/scaling/sample.ts";

const settings = { minReplicas: 1, maxReplicas: 16, lag: { targetSeconds: 2, scaleDownDelaySeconds: 300 } };
/** Bytes per second that a worker stores. */
const each = 1_000_000;

/** Workers that have enough to do and keep up: half a second's worth waits. */
const well = (workers: number): Omit<LagSample, "at"> => ({
  workers,
  lagSeconds: 0.5,
  lagBytes: 0.5 * each * workers,
  storedBytesPerSecond: each * workers,
  busy: 1,
});
const idle = (workers: number): Omit<LagSample, "at"> => ({
  workers,
  lagSeconds: 0,
  lagBytes: 0,
  storedBytesPerSecond: 0,
  busy: 0,
});

/** Takes decisions one after the other, and does what they say at once. */
class Operator {
  state: PolicyState;
  asked: number;
  now: number;
  used = settings;

  constructor(asked: number, state: PolicyState = initialState, now = 1000) {
    this.asked = asked;
    this.state = state;
    this.now = now;
  }

  /** The next decision, some seconds after the last. */
  see(sample: Omit<LagSample, "at"> | undefined, { after = 5, ready = this.asked } = {}): Decision {
    this.now += after * 1000;
    const seen: Seen = { sample: sample && { ...sample, at: this.now }, asked: this.asked, ready };
    const decision = decide(this.used, this.state, seen, this.now);
    this.state = decision.state;
    this.asked = decision.workers;
    return decision;
  }

  /** The same sample every 5 s for so long; the last decision. */
  keepSeeing(make: (asked: number) => Omit<LagSample, "at"> | undefined, seconds: number): Decision {
    let last = this.see(make(this.asked));
    for (let passed = 5; passed < seconds; passed += 5) last = this.see(make(this.asked));
    return last;
  }
}

/** So much more waits than 5 s ago, so many bytes a second arrive; these workers do all they can. */
const overloaded = (workers: number, lagSeconds: number, lagBytes: number): Omit<LagSample, "at"> => ({
  ...{ workers, lagSeconds, lagBytes, busy: 1 },
  storedBytesPerSecond: each * workers,
});

describe("growth", () => {
  test("asks for as many as store what arrives, at once", () => {
    const operator = new Operator(4);
    operator.see(well(4));
    // 4 MB/s are stored, and 0.4 MB/s more arrive.
    const { workers, reason } = operator.see(overloaded(4, 2.5, 4_000_000));
    expect(workers).toBe(5);
    expect(reason.name).toBe("LagAboveTarget");
    expect(reason.text).toContain("2.5 s, of 2 s");
  });

  test("sees a jump of the load before the lag is there", () => {
    const operator = new Operator(4);
    operator.see(well(4));
    const { workers, reason } = operator.see(overloaded(4, 0.9, 22_000_000));
    expect(workers).toBe(8);
    expect(reason.name).toBe("LagRising");
  });

  test("asks for what will arrive when they are there, if it jumps", () => {
    const operator = new Operator(8);
    operator.keepSeeing(well, 10);
    // 10.6 MB/s arrive where 8 did 5 s before: 4.2 more in 8 s.
    expect(operator.see(overloaded(8, 0.9, 17_000_000)).workers).toBe(15);
  });

  test("takes the lower of two rates for what arrives while so much waits that its error is a large one", () => {
    const operator = new Operator(8);
    operator.see(overloaded(8, 60, 160_000_000));
    // 8 MB/s arrive, and 149 MB are to be stored in 60 s.
    expect(operator.see(overloaded(8, 60, 160_000_000)).workers).toBe(11);
    // 13 MB/s seem to arrive, since 6 % more waits, or were counted. One is added, as always while more waits.
    expect(operator.see(overloaded(11, 60, 170_000_000)).workers).toBe(12);
  });

  test("expects workers to do less when the lag is to be smaller, since batches will be", () => {
    const operator = new Operator(10);
    operator.see(overloaded(10, 2.6, 24_800_000));
    // 9 MB/s arrive, so that 0.9 MB/s more have to be stored for 8 s. A lag of 1.4 s in place of 2.2 leaves 89 %.
    expect(operator.see(overloaded(10, 2.2, 19_800_000)).workers).toBe(11);
  });

  test("adds one before the lag reaches the target", () => {
    const operator = new Operator(4);
    operator.see({ ...well(4), lagSeconds: 1.5 });
    const { workers, reason } = operator.see({ ...well(4), lagSeconds: 1.6 });
    expect(workers).toBe(5);
    expect(reason.name).toBe("LagRising");
  });

  test("leaves the lag where it is within 10 % of what is aimed at", () => {
    const operator = new Operator(4);
    operator.see({ ...well(4), lagSeconds: 1.5 });
    const { workers, reason } = operator.see({ ...well(4), lagSeconds: 1.5 });
    expect(workers).toBe(4);
    expect(reason.name).toBe("Steady");
  });

  test("doubles or adds 4 in 15 s at most", () => {
    const operator = new Operator(1);
    operator.see(well(1));
    const counts: number[] = [];
    let waiting = 0;
    for (let passed = 0; passed < 35; passed += 5) {
      waiting += 100_000_000;
      counts.push(operator.see(overloaded(operator.asked, 3, waiting)).workers);
    }
    expect(counts).toEqual([5, 5, 5, 10, 10, 10, 16]);
  });

  test("says that the limit of growth or of the spec holds it", () => {
    const operator = new Operator(1);
    operator.see(well(1));
    operator.see(overloaded(1, 3, 100_000_000));
    expect(operator.see(overloaded(5, 3, 200_000_000)).reason.name).toBe("GrowthLimit");
    const full = new Operator(16);
    full.see(well(16));
    const { workers, reason } = full.see(overloaded(16, 3, 100_000_000));
    expect(workers).toBe(16);
    expect(reason.name).toBe("AtMaximum");
    expect(reason.text).toContain("no more than 16 workers");
  });

  test("lets what waits go by itself when it goes soon enough", () => {
    const operator = new Operator(8);
    operator.see(overloaded(8, 6, 60_000_000));
    const { workers, reason } = operator.see(overloaded(8, 5, 36_000_000));
    expect(workers).toBe(8);
    expect(reason.name).toBe("LagAboveTarget");
  });

  test("stores what waits in as long as it has waited, but in no less time than a worker takes to help", () => {
    const asked = (lagSeconds: number, lagBytes: number): number => {
      const operator = new Operator(4);
      operator.see(overloaded(4, lagSeconds, lagBytes));
      return operator.see(overloaded(4, lagSeconds, lagBytes)).workers;
    };
    // 4 MB/s arrive, so that 5.6 MB may wait. The other 54.4 MB in 20 s: 2.7 MB/s; in 60 s: 0.9 MB/s.
    expect(asked(20, 60_000_000)).toBe(7);
    expect(asked(60, 60_000_000)).toBe(5);
    // 6.4 MB in 8 s.
    expect(asked(3, 12_000_000)).toBe(5);
  });

  test("asks for no more while those that have just come get less to wait", () => {
    const operator = new Operator(8);
    operator.see(overloaded(4, 5, 32_000_000));
    // 5 MB/s arrive. 20 MB more than should wait in 8 s make 2.5 MB/s, which is not too much for eight.
    const { workers } = operator.see({
      ...overloaded(8, 5, 27_000_000),
      ...{ busy: 0.75, storedBytesPerSecond: 6 * each },
    });
    expect(workers).toBe(8);
  });

  test("does not wait for the oldest messages while the others get fewer only", () => {
    const asked = (before: number, lagSeconds: number, ready = 4): number => {
      const operator = new Operator(ready);
      operator.see(overloaded(4, before, 5_500_000));
      return operator.see(overloaded(4, lagSeconds, 5_400_000)).workers;
    };
    // 4 MB/s arrive, of which 5.4 MB are no more than may wait. 3.5 s of them in 8 s: 1.7 MB/s.
    expect(asked(5, 4.9)).toBe(6);
    // It will be gone in less than 24 s.
    expect(asked(5.7, 4.9)).toBe(4);
    // It is not so long that it may not be noise.
    expect(asked(2.7, 2.7)).toBe(4);
    expect(asked(2.9, 2.9)).toBe(5);
    // What a long outage, or a worker that died, has left is not what arrives in all partitions.
    expect(asked(12, 11.9)).toBe(4);
    expect(asked(5, 4.9, 5)).toBe(5);
  });

  test("replaces a worker that is ready but does not answer", () => {
    const operator = new Operator(4);
    operator.see(well(4));
    const { workers } = operator.see(overloaded(3, 2.5, 7_000_000), { ready: 4 });
    expect(workers).toBe(6);
  });

  test("begins with some when messages wait and none is ready", () => {
    const operator = new Operator(1);
    const { workers } = operator.see({ ...idle(0), lagBytes: 1, lagSeconds: 0.1 }, { ready: 0 });
    expect(workers).toBe(5);
  });

  test("goes by the lag alone when workers run but none of them answers", () => {
    const operator = new Operator(4);
    const mute = { workers: 0, busy: undefined, storedBytesPerSecond: undefined, lagBytes: 9_000_000 };
    expect(operator.see({ ...mute, lagSeconds: 2.1 }).workers).toBe(4);
    expect(operator.see({ ...mute, lagSeconds: 2.05 }).workers).toBe(6);
    expect(operator.see({ ...mute, lagSeconds: 0.5 }).workers).toBe(6);
    expect(operator.keepSeeing(() => ({ ...mute, lagSeconds: 0.1 }), 600).workers).toBe(6);
  });
});

describe("shrinking", () => {
  test("waits for a whole window in which fewer were enough", () => {
    const operator = new Operator(8);
    expect(operator.keepSeeing((asked) => ({ ...well(asked), lagSeconds: 0.1 }), 300).reason.name).toBe(
      "Stabilizing",
    );
    expect(operator.asked).toBe(8);
    const { workers, reason } = operator.see({ ...well(8), lagSeconds: 0.1 });
    expect(workers).toBe(5);
    expect(reason.name).toBe("FewerSuffice");
    expect(reason.text).toBe("5 workers would have been enough for 300 s");
  });

  test("goes no lower than the highest wish of the window", () => {
    const operator = new Operator(8);
    operator.keepSeeing((asked) => ({ ...well(asked), lagSeconds: 0.1 }), 200);
    // A lag that 7 would just keep.
    operator.see({ ...well(8), lagSeconds: 0.7 });
    operator.keepSeeing((asked) => ({ ...well(asked), lagSeconds: 0.1 }), 105);
    expect(operator.asked).toBe(7);
  });

  test("keeps what a peak needed until the window has passed it", () => {
    const operator = new Operator(4);
    operator.see(well(4));
    operator.see(overloaded(4, 2.5, 22_000_000));
    expect(operator.asked).toBe(8);
    operator.keepSeeing(() => idle(8), 295);
    expect(operator.asked).toBe(8);
    operator.keepSeeing(() => idle(8), 15);
    expect(operator.asked).toBe(1);
  });

  test("does not forget what was needed when the last of a backlog is stored and not yet told of", () => {
    const operator = new Operator(8);
    operator.keepSeeing((asked) => ({ ...well(asked), lagSeconds: 1.2 }), 310);
    expect(operator.asked).toBe(8);
    operator.see({ ...well(8), lagSeconds: 2.5, lagBytes: 0, storedBytesPerSecond: 1 });
    expect(operator.see(idle(8)).workers).toBe(8);
  });

  test("goes to the minimum when nothing is stored", () => {
    const operator = new Operator(8);
    operator.used = { ...settings, minReplicas: 2 };
    const { workers, reason } = operator.keepSeeing(() => idle(8), 310);
    expect(workers).toBe(2);
    expect(reason.name).toBe("Idle");
    expect(operator.see(idle(2)).workers).toBe(2);
  });

  test("keeps what is not idle, however small the lag is", () => {
    const operator = new Operator(8);
    operator.keepSeeing((asked) => ({ ...well(asked), lagSeconds: 0.001, busy: 0.45 }), 305);
    expect(operator.asked).toBe(4);
  });

  test("does it at once when the spec says so", () => {
    const operator = new Operator(8);
    operator.used = { ...settings, lag: { targetSeconds: 2, scaleDownDelaySeconds: 0 } };
    const { workers, reason } = operator.see(idle(8));
    expect(workers).toBe(1);
    expect(reason.text).toBe("1 worker would have been enough for 0 s");
  });
});

describe("what is not known", () => {
  test("holds while the lag cannot be measured, for however long", () => {
    const operator = new Operator(6);
    operator.keepSeeing(well, 30);
    const { workers, reason } = operator.keepSeeing(() => undefined, 3600);
    expect(workers).toBe(6);
    expect(reason.name).toBe("Unknown");
  });

  test("does not count a gap as part of the window", () => {
    const operator = new Operator(6);
    operator.keepSeeing(() => idle(6), 200);
    operator.keepSeeing(() => undefined, 600);
    operator.keepSeeing(() => idle(6), 100);
    expect(operator.asked).toBe(6);
    operator.keepSeeing(() => idle(6), 15);
    expect(operator.asked).toBe(1);
  });

  test("goes on with the window, but does not count a sample that does not tell what workers did", () => {
    const operator = new Operator(6);
    const small = (): Omit<LagSample, "at"> => ({ ...well(6), lagSeconds: 0.1 });
    operator.keepSeeing(small, 200);
    operator.see({ ...small(), busy: undefined, storedBytesPerSecond: undefined });
    operator.keepSeeing(small, 100);
    expect(operator.asked).toBe(6);
    operator.see(small());
    expect(operator.asked).toBe(4);
  });

  test("waits for another sample when one does not tell what workers did, since one is gone", () => {
    const operator = new Operator(4);
    operator.see(overloaded(4, 6, 40_000_000));
    operator.see(overloaded(4, 5, 20_000_000));
    const gone = { ...overloaded(3, 6, 22_000_000), busy: undefined, storedBytesPerSecond: undefined };
    expect(operator.see(gone, { ready: 3 }).workers).toBe(4);
    expect(operator.see(gone, { ready: 3 }).workers).toBe(8);
  });

  test("grows by the lag when every other measurement fails, so that it is never told what workers did", () => {
    const operator = new Operator(4);
    const sample = { ...overloaded(4, 6, 40_000_000), busy: undefined, storedBytesPerSecond: undefined };
    expect(operator.see(sample).workers).toBe(4);
    expect(operator.see(undefined).workers).toBe(4);
    expect(operator.see(sample).workers).toBe(8);
  });

  test("begins anew after a long gap", () => {
    const operator = new Operator(4);
    operator.keepSeeing(() => well(4), 30);
    operator.keepSeeing(() => undefined, 60);
    const sample = { ...overloaded(4, 40, 160_000_000), busy: undefined, storedBytesPerSecond: undefined };
    expect(operator.see(sample).workers).toBe(4);
  });

  test("starts from the count that runs after a restart, in whatever state things are", () => {
    for (const sample of [well(6), idle(6), overloaded(6, 9, 90_000_000), { ...well(6), lagSeconds: 0.01 }]) {
      const first = { ...sample, storedBytesPerSecond: undefined, busy: undefined };
      expect(new Operator(6).see(first).workers).toBe(6);
    }
  });

  test("does not shrink after a restart before a window was seen", () => {
    const operator = new Operator(6);
    operator.keepSeeing(() => idle(6), 250);
    const restarted = new Operator(6, initialState, operator.now);
    restarted.keepSeeing(() => idle(6), 300);
    expect(restarted.asked).toBe(6);
  });
});

test("a count outside of the bounds comes back into them", () => {
  const tooMany = new Operator(20).see(well(20));
  expect([tooMany.workers, tooMany.reason.name]).toEqual([16, "Bounds"]);
  expect(tooMany.reason.text).toBe("settings allow 1 to 16 workers, not 20");
  const tooFew = new Operator(0).see(undefined);
  expect([tooFew.workers, tooFew.reason.name]).toEqual([1, "Bounds"]);
  const alone = new Operator(2);
  alone.used = { ...settings, maxReplicas: 1 };
  expect(alone.see(undefined).reason.text).toBe("settings allow exactly 1 worker, not 2");
});

test("what it remembers stays small", () => {
  const operator = new Operator(8);
  for (let index = 0; index < 5000; index++) {
    const lagSeconds = 0.1 + (((index * 7919) % 1000) / 1000) * 2.4;
    operator.see({ ...well(operator.asked), lagSeconds, lagBytes: lagSeconds * each * operator.asked });
  }
  expect(operator.state.window.wishes.length).toBeLessThanOrEqual(settings.maxReplicas);
  expect(operator.state.counts.length).toBeLessThan(10);
});
