import { expect, test } from "vitest";
import { Metrics } from "../../../src/platform/metrics.ts";
import { lagMetrics } from "../../../src/scaling/lag-metrics.ts";
import { LagUnknown } from "../../../src/scaling/lag-unknown.ts";

const sample = {
  ...{ at: 0, lagSeconds: 0.25, lagBytes: 1000, workers: 1 },
  ...{ storedBytesPerSecond: undefined, busy: undefined },
};

test("there are series of what is known, and none of a ChatCluster that is gone", async () => {
  const { registry } = new Metrics("operator");
  const metrics = lagMetrics(registry);
  const series = async () =>
    (await registry.metrics()).split("\n").filter((line) => /^disroom_(lag|connections)/.test(line));
  const labels = (name: string) => `{namespace="chat",name="${name}",role="operator"}`;

  metrics.measured({ namespace: "chat", name: "demo" }, { sample, connections: 7 });
  metrics.measured({ namespace: "chat", name: "other" }, new LagUnknown("QueueSilent", "timeout"));
  expect(await series()).toEqual([
    `disroom_lag_seconds${labels("demo")} 0.25`,
    `disroom_lag_bytes${labels("demo")} 1000`,
    `disroom_connections${labels("demo")} 7`,
    `disroom_lag_unknown${labels("demo")} 0`,
    `disroom_lag_unknown${labels("other")} 1`,
  ]);
  metrics.measured({ namespace: "chat", name: "demo" }, new LagUnknown("QueueSilent", "timeout"));
  metrics.gone({ namespace: "chat", name: "other" });
  expect(await series()).toEqual([`disroom_lag_unknown${labels("demo")} 1`]);
});
