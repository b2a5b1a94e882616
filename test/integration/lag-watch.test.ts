import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Registry } from "prom-client";
import { afterAll, afterEach, expect, test } from "vitest";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { type LagSource, LagWatch } from "../../src/operator/lag/lag-watch.ts";
import { natsHealthMetrics } from "../../src/operator/nats-health-metrics.ts";
import { lagMetrics } from "../../src/scaling/lag-metrics.ts";
import type { LagSample } from "../../src/scaling/sample.ts";
import { runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLog } from "../support/recording-log.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** The lags of many ChatClusters at once, of which some have no NATS that answers. */
const cluster = runCluster();
const patience = { milliseconds: 60_000 };

const proxies: TcpProxy[] = [];
afterAll(() => {
  for (const proxy of proxies) proxy.close();
});
/** Another address of the same NATS, whose connections can be counted and cut. */
async function address(): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(cluster.natsUrl);
  const proxy = await TcpProxy.open(Number(url.port));
  proxies.push(proxy);
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}

const specWith = (targetSeconds: number) =>
  checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "test" },
    spec: { nats: { replicas: 1 }, workers: { lag: { targetSeconds } } },
  }).spec;
/** What was measured last, by name; undefined where that failed. */
const latest = new Map<string, LagSample | undefined>();
const sourceAt = (name: string, url: string): LagSource => ({
  ...{ uid: "1", url, spec: specWith(2) },
  expected: () => ({ servers: 1, workers: 1 }),
  onSample: (sample) => latest.set(name, sample),
});

const watches: LagWatch[] = [];
function watching() {
  latest.clear();
  const changes: string[] = [];
  const onChange = (key: string): void => void changes.push(key);
  const registry = new Registry();
  const watch = new LagWatch({
    metrics: lagMetrics(registry),
    natsMetrics: natsHealthMetrics(registry),
    log: recordingLog().log,
    onChange,
  });
  watches.push(watch);
  return { watch, changes, registry };
}
afterEach(() => Promise.all(watches.splice(0).map((watch) => watch.stop())));

test("a connection for each, which is closed when its ChatCluster is forgotten or has another address", async () => {
  const { watch, changes, registry } = watching();
  const [one, other] = [await address(), await address()];
  watch.follow("chat/a", sourceAt("chat/a", one.url));
  watch.follow("chat/b", sourceAt("chat/b", one.url));
  await eventually(() => latest.get("chat/a") !== undefined && latest.get("chat/b") !== undefined);
  expect(changes.toSorted()).toEqual(["chat/a", "chat/b"]);
  expect(watch.shown("chat/a")).toEqual({ lagSeconds: 0, lagBytes: 0, connections: 0 });
  expect(one.proxy.connections).toBe(2);

  watch.follow("chat/a", { ...sourceAt("chat/a", one.url), spec: specWith(7) });
  expect(latest.get("chat/a")).toBeDefined();
  watch.follow("chat/a", sourceAt("chat/a", other.url));
  latest.delete("chat/a");
  await eventually(() => latest.get("chat/a") !== undefined);
  // How its NATS is comes with it.
  await eventually(async () =>
    expect(await registry.metrics()).toContain('disroom_jetstream_up{namespace="chat",name="b"} 1'),
  );
  await watch.forget("chat/b");
  expect(await registry.metrics()).not.toContain('name="b"');
  await eventually(() => one.proxy.connections === 0);
  expect(other.proxy.connections).toBe(1);
  await watch.stop();
  await eventually(() => other.proxy.connections === 0);
});

test("a connection that is cut is made again, and the lag is unknown only if that fails", async () => {
  const { watch, changes } = watching();
  const { proxy, url } = await address();
  watch.follow("chat/a", sourceAt("chat/a", url));
  const first = await eventually(() => latest.get("chat/a") ?? false);
  proxy.cut();
  await eventually(() => (latest.get("chat/a")?.at ?? 0) > first.at, patience);
  expect(proxy.connections).toBe(1);
  expect(changes).toEqual(["chat/a"]);

  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => latest.get("chat/a") === undefined, patience);
  // For the status a moment is nothing.
  expect(watch.shown("chat/a")).toMatchObject({ lagSeconds: 0 });
  await eventually(() => changes.length === 2, patience);
  expect(watch.shown("chat/a")).toMatchObject({ reason: "NATSUnreachable" });
  proxy.isRefusing = false;
  await eventually(() => changes.length === 3, patience);
  expect(watch.shown("chat/a")).toMatchObject({ lagSeconds: 0 });
});

test("those that cannot be reached delay no other, and are not asked more often than agreed", async () => {
  let attempts = 0;
  const closing = createServer((socket) => {
    attempts++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(closing, "listening");
  const { watch } = watching();
  watch.follow("chat/well", sourceAt("chat/well", cluster.natsUrl));
  await eventually(() => latest.get("chat/well") !== undefined);
  const began = performance.now();
  const broken = Array.from({ length: 300 }, (_, index) => `chat/broken-${index}`);
  const url = `nats://user:password@127.0.0.1:${(closing.address() as AddressInfo).port}`;
  for (const key of broken) watch.follow(key, sourceAt(key, url));

  for (let turn = 0; turn < 4; turn++) {
    const { at } = await eventually(() => latest.get("chat/well") ?? false);
    await eventually(() => (latest.get("chat/well")?.at ?? 0) > at, { milliseconds: 4500 });
    expect(attempts).toBeLessThanOrEqual(100 + (50 * (performance.now() - began)) / 1000);
  }
  // Some have been tried again.
  expect(attempts).toBeGreaterThan(300);
  closing.close();
});
