import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { ownRoleCommand, type RoleCommand } from "../../src/local/parts.ts";
import { lagMetrics } from "../../src/scaling/lag-metrics.ts";
import type { Change } from "../../src/scaling/scaler.ts";
import { scalingMetrics } from "../../src/scaling/scaling-metrics.ts";
import { BusyRoom } from "../support/busy-room.ts";
import { newRoom, runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";

/** Workers of one machine follow the lag: the routing step is slow, and what people send is too much for one worker. */
const perMessage = 2;
const slowWorker = fileURLToPath(new URL("../support/slow-worker.ts", import.meta.url));
const roleCommand: RoleCommand = (role) =>
  role === "server" ? ownRoleCommand(role) : [process.execPath, slowWorker, String(perMessage), role];

const registry = new Registry();
const changes: Change[] = [];
const errors: Error[] = [];
const targetSeconds = 1;
const cluster = runCluster({
  roleCommand,
  spec: {
    server: { replicas: 1, limits: { messagesPerSecond: 0 } },
    workers: {
      ...{ partitions: 8, minReplicas: 1, maxReplicas: 6 },
      lag: { targetSeconds, scaleDownDelaySeconds: 8 },
    },
  },
  scaling: {
    metrics: { measured: lagMetrics(registry).measured, decided: scalingMetrics(registry).decided },
    onChange: (change) => changes.push(change),
    onError: (error) => errors.push(error),
  },
});
const patience = { milliseconds: 120_000, interval: 100 };

const workers = (): number => cluster.parts("worker").filter(({ isReady }) => isReady).length;
async function sampled(name: string): Promise<number | undefined> {
  const metric = await registry.getSingleMetric(name)?.get();
  return metric?.values[0]?.value;
}

test("a flood that one worker cannot handle brings more, which drain it; in the calm after it they go", async () => {
  const rooms = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const name = newRoom();
      const [alice, bob] = [await cluster.member(name, "alice"), await cluster.member(name, "bob")];
      return new BusyRoom(name, { alice, bob }, 100);
    }),
  );
  await eventually(
    async () => expect(await sampled("disroom_lag_seconds")).toBeGreaterThan(targetSeconds),
    patience,
  );
  await eventually(() => workers() > 1, patience);
  const most = (): number => Math.max(...changes.map(({ to }) => to));
  // They are enough, while people send on.
  await eventually(async () => {
    expect(await sampled("disroom_lag_seconds")).toBeLessThan(targetSeconds);
    expect(await sampled("disroom_lag_bytes")).toBeGreaterThan(0);
    expect(workers()).toBe(most());
  }, patience);
  expect(changes[0]).toMatchObject({ from: 1, reason: { name: "LagAboveTarget" } });
  expect(await sampled("disroom_workers_desired")).toBe(most());

  await Promise.all(rooms.map((room) => room.stop()));
  await eventually(() => cluster.parts("worker").length === 1, patience);
  expect(changes.at(-1)).toMatchObject({ to: 1, reason: { name: "Idle" } });
  for (const room of rooms) await room.isWhole(cluster.natsUrl);
  expect(errors).toEqual([]);
});
