import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import {
  Controller,
  type ControllerSettings,
  type Reconcile,
  UnfinishedError,
} from "../../../../src/operator/kube/controller.ts";
import { controllerMetrics } from "../../../../src/operator/kube/controller-metrics.ts";
import { eventually } from "../../../support/eventually.ts";
import { recordingLog } from "../../../support/recording-log.ts";

function controller(reconcile: Reconcile, settings: Partial<ControllerSettings> = {}): Controller {
  const made = new Controller({ name: "test", reconcile, log: recordingLog().log, ...settings });
  made.start();
  return made;
}

test("works on several keys at once, up to a number", async () => {
  const open = new Map<string, () => void>();
  const one = controller(
    async (key) => {
      await new Promise<void>((resolve) => open.set(key, resolve));
      open.delete(key);
      return {};
    },
    { concurrency: 2 },
  );
  for (const key of ["a", "b", "c"]) one.queue.add(key);
  await eventually(() => open.size === 2);
  expect([...open.keys()]).toEqual(["a", "b"]);
  expect(one.queue.depth).toBe(1);
  open.get("a")?.();
  await eventually(() => open.has("c"));
  for (const finish of open.values()) finish();
  expect(await one.stop()).toBe(true);
});

test("what takes long in the background leaves room for what changes", async () => {
  const open = new Map<string, () => void>();
  const one = controller(
    async (key) => {
      await new Promise<void>((resolve) => open.set(key, resolve));
      return {};
    },
    { concurrency: 4 },
  );
  for (const key of ["a", "b", "c", "d"]) one.queue.add(key, "background");
  await eventually(() => open.size === 3);
  one.queue.add("changed");
  await eventually(() => open.has("changed"));
  expect([...open.keys()]).toEqual(["a", "b", "c", "changed"]);
  open.get("a")?.();
  await eventually(() => open.has("d"));
  for (const finish of open.values()) finish();
  expect(await one.stop()).toBe(true);
});

test("what else the process has to do gets its turn, however many keys there are", async () => {
  let reconciled = 0;
  const one = controller(async () => {
    reconciled++;
    return {};
  });
  const count = 100;
  for (let index = 0; index < count; index++) one.queue.add(String(index));
  await new Promise((resolve) => setImmediate(resolve));
  expect(reconciled).toBeGreaterThan(0);
  expect(reconciled).toBeLessThan(count);
  await eventually(() => reconciled === count);
  expect(await one.stop()).toBe(true);
});

test("what could be done only in part is not left for longer than it says, however often it failed", async () => {
  const begun: number[] = [];
  const one = controller(
    async () => {
      begun.push(performance.now());
      throw new UnfinishedError("refused", 20);
    },
    { retry: { first: 600_000, most: 600_000 } },
  );
  one.queue.add("a");
  await eventually(() => begun.length === 3);
  expect(one.queue.failuresOf("a")).toBeGreaterThanOrEqual(2);
  expect(await one.stop()).toBe(true);
});

test("a key is never worked on twice at once, and always after it was last added", async () => {
  const plan = fc.array(
    fc.record({ key: fc.constantFrom("a", "b", "c"), pause: fc.nat(3), takes: fc.nat(3) }),
    {
      maxLength: 30,
    },
  );
  await fc.assert(
    fc.asyncProperty(plan, fc.integer({ min: 1, max: 4 }), async (adds, concurrency) => {
      const atWork = new Set<string>();
      const addedAt = new Map<string, number>();
      const beganAt = new Map<string, number>();
      let step = 0;
      let takes = 0;
      const one = controller(
        async (key) => {
          if (atWork.has(key)) throw new Error(`${key} is worked on twice at once`);
          atWork.add(key);
          beganAt.set(key, step++);
          for (let turn = 0; turn < takes; turn++) await Promise.resolve();
          atWork.delete(key);
          return {};
        },
        { concurrency },
      );
      for (const add of adds) {
        takes = add.takes;
        addedAt.set(add.key, step++);
        one.queue.add(add.key);
        for (let turn = 0; turn < add.pause; turn++) await Promise.resolve();
      }
      await eventually(() => one.queue.depth === 0 && one.queue.takenAt.length === 0, { interval: 0 });
      for (const [key, at] of addedAt) expect(beganAt.get(key)).toBeGreaterThan(at);
      await one.stop();
    }),
    { numRuns: 100 },
  );
});

test("what fails is logged and comes again until it is well; then its failures are forgotten", async () => {
  const { log, lines } = recordingLog();
  let calls = 0;
  const one = controller(
    async () => {
      calls++;
      if (calls < 4) throw new Error(`failure ${calls}`);
      return {};
    },
    { log, retry: { first: 1, most: 10 } },
  );
  one.queue.add("a");
  await eventually(() => calls === 4);
  expect(one.queue.failuresOf("a")).toBe(0);
  expect(lines.map(({ level, message, fields }) => [level, message, fields.key])).toEqual(
    Array.from({ length: 3 }, () => ["error", "reconciling failed", "a"]),
  );
  await one.stop();
  expect(calls).toBe(4);
});

test("comes again when it asks to", async () => {
  let calls = 0;
  const one = controller(async () => ({ again: ++calls < 3 ? 1 : undefined }));
  one.queue.add("a");
  await eventually(() => calls === 3);
  await one.stop();
});

test("one that hangs is told to end when its time is up, and counts as failed", async () => {
  const { log, lines } = recordingLog();
  const one = controller(
    async (key, signal) => {
      if (key === "hangs") await delay(60_000, undefined, { signal });
      return {};
    },
    { log, timeLimit: 20, retry: { first: 10_000, most: 10_000 } },
  );
  one.queue.add("hangs");
  await eventually(() => lines.length === 1);
  expect(lines[0]?.fields).toMatchObject({ key: "hangs", why: "it took longer than 0.02 s" });
  expect(one.queue.failuresOf("hangs")).toBe(1);
  await one.stop();
});

test("a stop waits for what is at work, tells it to end after a while, and gives it up in the end", async () => {
  const finish = Promise.withResolvers<void>();
  const seen: string[] = [];
  let wasTold: boolean | undefined;
  const reconcile: Reconcile = async (key, signal) => {
    seen.push(key);
    if (key === "soon") {
      await finish.promise;
      wasTold = signal.aborted;
    }
    if (key === "on-signal") await delay(60_000, undefined, { signal });
    if (key === "never") await new Promise(() => {});
    return {};
  };
  const first = controller(reconcile);
  first.queue.add("soon");
  first.queue.add("waits");
  await eventually(() => seen.includes("soon"));
  const stopping = first.stop(60_000);
  finish.resolve();
  expect(await stopping).toBe(true);
  expect(wasTold).toBe(false);
  expect(seen).not.toContain("waits");

  const second = controller(reconcile);
  second.queue.add("on-signal");
  await eventually(() => seen.includes("on-signal"));
  expect(await second.stop(20)).toBe(true);

  const third = controller(reconcile);
  third.queue.add("never");
  await eventually(() => seen.includes("never"));
  expect(await third.stop(20)).toBe(false);
});

test("counts as controller-runtime does", async () => {
  const registry = new Registry();
  const metrics = controllerMetrics(registry)("chatcluster");
  const one = controller(
    async (key) => {
      if (key === "fails") throw new Error("it failed");
      return { again: key === "again" ? 60_000 : undefined };
    },
    { metrics, concurrency: 3, retry: { first: 60_000, most: 60_000 } },
  );
  for (const key of ["well", "fails", "again"]) one.queue.add(key);
  const text = await eventually(async () => {
    const all = await registry.metrics();
    return all.includes('reconcile_time_seconds_count{controller="chatcluster"} 3') && all;
  });
  for (const result of ["success", "error", "requeue_after"]) {
    expect(text).toContain(
      `controller_runtime_reconcile_total{controller="chatcluster",result="${result}"} 1`,
    );
  }
  expect(text).toContain('controller_runtime_reconcile_errors_total{controller="chatcluster"} 1');
  expect(text).toContain('controller_runtime_active_workers{controller="chatcluster"} 0');
  expect(text).toContain('controller_runtime_max_concurrent_reconciles{controller="chatcluster"} 3');
  await one.stop();
});
