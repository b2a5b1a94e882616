import { expect, test } from "vitest";
import type { Delivery } from "../../../src/worker/delivery.ts";
import { Workload } from "../../../src/worker/workload.ts";

const batch = (bytes: number): Delivery => ({ message: { data: new Uint8Array(bytes) } }) as Delivery;

/** A worker's handler whose batches end when the test says so, and its clock. */
function counting(slots: number) {
  let now = 5000;
  const workload = new Workload(slots, () => now);
  const ends: ((outcome: "done" | "return" | Error) => void)[] = [];
  const handle = workload.counting(
    () =>
      new Promise((resolve, reject) => {
        ends.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
      }),
  );
  return {
    workload,
    take: (bytes: number) => handle(batch(bytes)),
    end: (outcome: "done" | "return" | Error) => ends.shift()?.(outcome),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

test("a batch takes one slot, from when it was taken until its end", async () => {
  const { workload, take, end, pass } = counting(4);
  pass(1000);
  expect(workload.soFar()).toMatchObject({ upSeconds: 1, slotSeconds: 0, storedBytes: 0 });
  const first = take(100);
  pass(1000);
  const second = take(50);
  expect(workload.soFar()).toMatchObject({ upSeconds: 2, slotSeconds: 0.25 });
  pass(1000);
  end("done");
  await first;
  expect(workload.soFar()).toMatchObject({ upSeconds: 3, slotSeconds: 0.75, storedBytes: 100 });
  pass(1000);
  end("done");
  await second;
  pass(1000);
  expect(workload.soFar()).toMatchObject({ upSeconds: 5, slotSeconds: 1, storedBytes: 150 });
});

test("what goes back to the queue is not stored, and takes no slot any more", async () => {
  const { workload, take, end, pass } = counting(1);
  const [returned, failed] = [take(100), take(100)];
  end("return");
  end(new Error("the disk is full"));
  expect(await returned).toBe("return");
  await expect(failed).rejects.toThrow("the disk is full");
  pass(1000);
  expect(workload.soFar()).toMatchObject({ slotSeconds: 0, storedBytes: 0 });
});

test("its thread's time counts while it computes", async () => {
  const workload = new Workload(1);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
  await turn();
  const until = performance.now() + 200;
  while (performance.now() < until);
  await turn();
  const { threadSeconds, upSeconds } = workload.soFar();
  expect(threadSeconds).toBeGreaterThan(0.19);
  expect(threadSeconds).toBeLessThanOrEqual(upSeconds + 0.01);
});
