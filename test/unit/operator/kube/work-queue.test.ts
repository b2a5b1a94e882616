import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { queueMetrics } from "../../../../src/operator/kube/queue-metrics.ts";
import { WorkQueue } from "../../../../src/operator/kube/work-queue.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** What can be taken right now. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const taken: string[] = [];
  while (queue.depth > 0) taken.push((await queue.take()) ?? "");
  return taken;
}

test("hands keys out in order, each once however often it was added", async () => {
  const queue = new WorkQueue();
  for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
  expect(queue.depth).toBe(3);
  expect(await takeAll(queue)).toEqual(["a", "b", "c"]);
});

test("a key that is added while it is worked on comes again afterwards, once, and not before", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.take();
  queue.add("a");
  queue.add("a");
  expect(queue.depth).toBe(0);
  queue.done("a");
  expect(await takeAll(queue)).toEqual(["a"]);
  queue.done("a");
  expect(queue.depth).toBe(0);
});

test("who waits for a key gets it when it comes, in the order of waiting", async () => {
  const queue = new WorkQueue();
  const takes = [queue.take(), queue.take()];
  queue.add("a");
  queue.add("b");
  expect(await Promise.all(takes)).toEqual(["a", "b"]);
  expect(queue.depth).toBe(0);
  queue.add("a");
  expect(queue.depth).toBe(0);
});

test("of several times to come again the earliest counts", async () => {
  const queue = new WorkQueue();
  queue.addAfter("a", 1000);
  queue.addAfter("a", 5000);
  queue.addAfter("a", 200);
  vi.advanceTimersByTime(199);
  expect(queue.depth).toBe(0);
  vi.advanceTimersByTime(1);
  expect(await takeAll(queue)).toEqual(["a"]);
  queue.done("a");
  vi.advanceTimersByTime(10_000);
  expect(queue.depth).toBe(0);
});

test("what has changed comes before what is only looked at again, but the background gets on, too", async () => {
  const queue = new WorkQueue();
  queue.addAfter("later", 100);
  queue.retry("failed");
  queue.add("start", "background");
  vi.advanceTimersByTime(100);
  const changed = Array.from({ length: 10 }, (_, index) => `changed-${index}`);
  for (const key of changed) queue.add(key);
  expect(queue.depth).toBe(13);
  const seven = changed.slice(0, 7);
  expect(await takeAll(queue)).toEqual([...seven, "start", ...changed.slice(7), "failed", "later"]);
});

test("a key that waits in the background and changes comes sooner, once, and not the other way round", async () => {
  const queue = new WorkQueue();
  for (const key of ["a", "b", "c"]) queue.add(key, "background");
  queue.add("c");
  queue.add("c", "background");
  expect(queue.depth).toBe(3);
  expect(await takeAll(queue)).toEqual(["c", "a", "b"]);
});

test("one that changes while it is worked on comes again before the background", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.take();
  queue.add("b", "background");
  queue.add("a", "background");
  queue.add("a");
  queue.done("a");
  expect(await takeAll(queue)).toEqual(["a", "b"]);
});

test("who works on nothing but changes is given nothing else, and holds nobody up", async () => {
  const queue = new WorkQueue();
  queue.add("looked-at-again", "background");
  const changed = queue.take("changed");
  expect(queue.depth).toBe(1);
  expect(await queue.take()).toBe("looked-at-again");
  const any = queue.take();
  queue.add("again", "background");
  expect(await any).toBe("again");
  queue.add("changed");
  expect(await changed).toBe("changed");
});

test("a time that a timer cannot wait for does not come at once", () => {
  const queue = new WorkQueue();
  queue.addAfter("a", 100 * 24 * 3_600_000);
  vi.advanceTimersByTime(1000);
  expect(queue.depth).toBe(0);
});

test("a key that fails waits longer each time, up to a limit, and each key for itself", async () => {
  const queue = new WorkQueue({ retry: { first: 5, most: 1000 } });
  const waits = Array.from({ length: 12 }, () => queue.retry("a"));
  const whole = [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000];
  for (const [index, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual((whole[index] ?? 0) / 2);
    expect(wait).toBeLessThanOrEqual(whole[index] ?? 0);
  }
  expect(queue.failuresOf("a")).toBe(12);
  expect(queue.retry("b")).toBeLessThanOrEqual(5);
  queue.forget("a");
  expect(queue.retry("a")).toBeLessThanOrEqual(5);
});

test("a queue that is closed hands out nothing, and lets those go who wait", async () => {
  const queue = new WorkQueue();
  queue.add("worked-on");
  await queue.take();
  queue.add("worked-on");
  queue.addAfter("later", 1000);
  const waiting = queue.take();
  queue.close();
  expect(await waiting).toBeUndefined();
  queue.add("b");
  queue.done("worked-on");
  vi.advanceTimersByTime(2000);
  expect(queue.depth).toBe(0);
  expect(await queue.take()).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test("says how it is, in the words of every other operator", async () => {
  const registry = new Registry();
  const queue = new WorkQueue({ metrics: queueMetrics(registry)("chatcluster") });
  const value = async (line: string): Promise<string | undefined> =>
    (await registry.metrics())
      .split("\n")
      .find((one) => one.startsWith(`${line} `))
      ?.split(" ")[1];
  const name = '{name="chatcluster"}';
  expect(await value(`workqueue_adds_total${name}`)).toBe("0");
  queue.add("a");
  queue.add("b");
  queue.add("b");
  expect(await value(`workqueue_depth${name}`)).toBe("2");
  vi.advanceTimersByTime(2000);
  await queue.take();
  await queue.take();
  vi.advanceTimersByTime(3000);
  expect(await value(`workqueue_depth${name}`)).toBe("0");
  expect(await value(`workqueue_adds_total${name}`)).toBe("2");
  expect(await value(`workqueue_queue_duration_seconds_sum${name}`)).toBe("4");
  expect(await value(`workqueue_unfinished_work_seconds${name}`)).toBe("6");
  expect(await value(`workqueue_longest_running_processor_seconds${name}`)).toBe("3");
  queue.done("a");
  queue.done("b");
  queue.retry("a");
  expect(await value(`workqueue_work_duration_seconds_sum${name}`)).toBe("6");
  expect(await value(`workqueue_work_duration_seconds_count${name}`)).toBe("2");
  expect(await value(`workqueue_retries_total${name}`)).toBe("1");
  expect(await value(`workqueue_longest_running_processor_seconds${name}`)).toBe("0");
});
