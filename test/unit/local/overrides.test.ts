import { expect, test } from "vitest";
import { checkChatCluster } from "../../../src/cluster/spec.ts";
import { defaultChatCluster } from "../../../src/local/default-cluster.ts";
import { withOverrides } from "../../../src/local/overrides.ts";

const cluster = (spec: unknown) =>
  checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "demo" },
    spec,
  });

test("without flags the ChatCluster says it all", () => {
  const given = cluster({ nats: { replicas: 5 }, server: { replicas: 7 } });
  expect(withOverrides(given, {})).toEqual(given);
});

test.each([
  // nodes and copies that the file asks for, --nats, nodes and copies that result
  [{}, 3, 3, 3],
  [{ nats: { replicas: 1 } }, 3, 3, 3],
  [{ nats: { replicas: 5 }, rooms: { replicas: 5 } }, 3, 3, 3],
  [{ nats: { replicas: 3 }, rooms: { replicas: 3 } }, 1, 1, 1],
  [{ nats: { replicas: 3 }, rooms: { replicas: 1 } }, 5, 5, 1],
])("%j with --nats %i: %i nodes, %i copies", (spec, nats, nodes, copies) => {
  const changed = withOverrides(cluster(spec), { nats }).spec;
  expect([changed.nats.replicas, changed.rooms.replicas]).toEqual([nodes, copies]);
});

test("--workers is both the least and the most", () => {
  const given = cluster({ workers: { minReplicas: 2, maxReplicas: 4 } });
  expect(withOverrides(given, { workers: 3 }).spec.workers).toMatchObject({ minReplicas: 3, maxReplicas: 3 });
  expect(withOverrides(given, { workers: 6 }).spec.workers).toMatchObject({ minReplicas: 6, maxReplicas: 6 });
});

test("flags that do not fit are refused in words", () => {
  expect(() => withOverrides(defaultChatCluster(), { nats: 2 })).toThrow(
    /flags.*spec\.nats\.replicas.*1, 3 or 5/,
  );
  expect(() => withOverrides(defaultChatCluster(), { workers: 17 })).toThrow(
    /spec\.workers\.\w+: must be at most/,
  );
});

test("--no-sync and --unlimited", () => {
  const { spec } = withOverrides(defaultChatCluster(), { servers: 2, noSync: true, unlimited: true });
  expect(spec.server.replicas).toBe(2);
  expect(spec.nats.syncAlways).toBe(false);
  expect(spec.server.limits.messagesPerSecond).toBe(0);
  expect(defaultChatCluster().spec.server.limits.messagesPerSecond).toBeGreaterThan(0);
});
