import { expect, test } from "vitest";
import { type NatsNode, natsConfig } from "../../../src/cluster/nats-config.ts";

const node: NatsNode = {
  name: "nats-1",
  host: "127.0.0.1",
  port: 4222,
  monitorPort: 8222,
  login: { user: "disroom", password: 'quote" back\\slash $1e5' },
  storeFolder: "/tmp/a folder",
  storageBytes: 10_000_000_000,
  syncAlways: true,
};
const cluster = {
  name: "demo",
  port: 6222,
  login: { user: "routes", password: "p@ss/word:" },
  nodes: ["127.0.0.1:6222", "127.0.0.1:6223"],
};

test("the name can stand in the environment, for nodes that share one file", () => {
  expect(natsConfig({ ...node, name: { variable: "POD_NAME" } })).toContain("server_name: $POD_NAME");
  expect(natsConfig(node)).toContain('server_name: "nats-1"');
});

test("fsync before ack is on unless it is turned off", () => {
  expect(natsConfig(node)).toContain("sync_interval: always");
  expect(natsConfig({ ...node, syncAlways: false })).not.toContain("sync_interval");
});

test("a single node has no routes; a clustered one knows all, with the password fit for a URL", () => {
  expect(natsConfig(node)).not.toContain("cluster");
  expect(natsConfig({ ...node, cluster })).toContain('"nats-route://routes:p%40ss%2Fword%3A@127.0.0.1:6223"');
});
