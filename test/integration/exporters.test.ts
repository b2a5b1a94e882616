import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, expect, test } from "vitest";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { freePorts } from "../../src/local/ports.ts";
import { natsExporter, redisExporter } from "../../src/operator/resources/exporters.ts";
import { ports } from "../../src/operator/resources/names.ts";
import type { StoredChatCluster } from "../../src/operator/resources/options.ts";
import { runCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { isInstalled, prometheusProgram } from "../support/prometheus.ts";
import { startRedis } from "../support/redis.ts";

/** The exporters with the arguments and variables that pods give them, but for addresses, beside real NATS and Redis. */
const cluster = runCluster();
const asked = checkChatCluster({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { name: "demo", namespace: "chat", uid: "0" },
  spec: { monitoring: { podMonitor: true } },
}) as StoredChatCluster;

/** hack/setup.sh says so where it could not be built. */
const testOfNats = test.skipIf(!isInstalled("prometheus-nats-exporter"));

type Container = { args?: string[]; env?: { name: string; value?: string }[] };

const running: ChildProcess[] = [];
afterAll(async () => {
  for (const child of running.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )) {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
});

function start(
  file: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): ChildProcess {
  const env = { ...process.env, ...environment };
  const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  running.push(child);
  child.stderr?.resume();
  return child;
}

/** The exporter of NATS that reads the port `monitor`, and the port that it serves. */
async function startNatsExporter(monitor: number): Promise<{ child: ChildProcess; port: number }> {
  const [port = 0] = await freePorts(1);
  const [{ args = [] } = {}] = natsExporter(asked) as Container[];
  const here = args.map((argument) =>
    argument
      .replace(String(ports.natsMetrics), String(port))
      .replace(String(ports.natsMonitor), String(monitor)),
  );
  const child = start(prometheusProgram("prometheus-nats-exporter"), ["-addr=127.0.0.1", ...here]);
  return { child, port };
}

async function startRedisExporter(
  redis: number,
  password: string,
): Promise<{ child: ChildProcess; port: number }> {
  const [port = 0] = await freePorts(1);
  const [{ env = [] } = {}] = redisExporter(asked) as Container[];
  const environment = Object.fromEntries(
    env.map(({ name, value = password }) => [
      name,
      value
        .replace(`:${ports.redisMetrics}`, `127.0.0.1:${port}`)
        .replace(String(ports.redis), String(redis)),
    ]),
  );
  return { child: start(prometheusProgram("redis_exporter"), [], environment), port };
}

/** The samples as Prometheus reads them, without comments. */
async function scrape(port: number): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  return (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

const patience = { milliseconds: 30_000, interval: 100 };

testOfNats(
  "NATS: each node by its name, its streams, its health, and nothing by consumer or connection",
  async () => {
    const monitor = Number(cluster.part("nats-1").http?.split(":").at(-1));
    const { port } = await startNatsExporter(monitor);
    const samples = await eventually(() => scrape(port), patience);
    const of = (metric: string): string[] => samples.filter((sample) => sample.startsWith(`${metric}{`));
    expect(of("gnatsd_varz_connections")).toEqual([
      expect.stringMatching(/^[^{]*{server_id="nats-1"} [1-9]\d*$/),
    ]);
    expect(of("gnatsd_healthz_status_value")).toEqual([expect.stringMatching(/value="ok".* 1$/)]);
    expect(of("gnatsd_routez_num_routes")).toHaveLength(1);
    const streams = of("jetstream_stream_total_bytes").map(
      (sample) => /stream_name="(\w+)"/.exec(sample)?.[1],
    );
    expect(streams.toSorted()).toEqual(["ChatDeadLetters", "ChatIngress", "ChatRooms"]);
    expect(samples.filter((sample) => /^(jetstream_consumer|gnatsd_connz)/.test(sample))).toEqual([]);
  },
);

testOfNats("the exporter of NATS does not end where no node answers", async () => {
  const [nobody = 0] = await freePorts(1);
  const { child } = await startNatsExporter(nobody);
  if (child.stderr === null) expect.fail("its log is not read");
  let lines = 0;
  // It says nothing after the first attempt; after the third it has outlived one that it told of.
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes("refused")) lines++;
    if (lines === 2) break;
  }
  expect(lines).toBe(2);
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
});

test("Redis: it is up for who has the password, and the exporter does not end where it is down", async () => {
  const redis = await startRedis({ password: "secret" });
  const { child, port } = await startRedisExporter(redis.port, "secret");
  const samples = await eventually(() => scrape(port), patience);
  expect(samples).toContain("redis_up 1");
  expect(samples).toContainEqual(expect.stringMatching(/^redis_memory_used_bytes \d/));
  await redis.kill();
  expect(await scrape(port)).toContain("redis_up 0");
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
});
