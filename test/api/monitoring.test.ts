import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { CustomObjectsApi, loadYaml } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { readNatsHealth } from "../../src/operator/nats-health.ts";
import { natsHealthMetrics } from "../../src/operator/nats-health-metrics.ts";
import { serveHttp } from "../../src/platform/http.ts";
import { createLog } from "../../src/platform/log.ts";
import { Metrics } from "../../src/platform/metrics.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { lagMetrics } from "../../src/scaling/lag-metrics.ts";
import { scalingMetrics } from "../../src/scaling/scaling-metrics.ts";
import { runCluster } from "../support/cluster.ts";
import { defineChatClusters, runControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { startOperator } from "../support/operator-process.ts";
import { type Prometheus, runPrometheus, type Target } from "../support/prometheus.ts";
import { groupingsOf, selectorsOf } from "../support/promql.ts";

/**
 * Every expression of the dashboards and alerts, asked of a Prometheus that scrapes servers and workers under load and
 * operators at work, with the labels that the PodMonitors give.
 */
const demo = { namespace: "default", name: "demo" };
/** What the operator that has this ChatCluster would measure: the operators below do not reach this NATS. */
const measured = new Metrics("operator");
const lag = lagMetrics(measured.registry);
const workers = scalingMetrics(measured.registry);
const cluster = runCluster({
  scaling: {
    metrics: {
      measured: (_, result) => lag.measured(demo, result),
      decided: (_, count, reason) => workers.decided(demo, count, reason),
    },
    onChange: () => {},
    onError: (error) => expect.fail(error.message),
  },
  spec: {
    nats: { replicas: 1, storage: { size: "4Gi" }, syncAlways: false },
    server: { replicas: 2 },
    workers: { minReplicas: 2, partitions: 4 },
  },
});
const operatorNamespace = "disroom-system";
const patience = { milliseconds: 20_000, interval: 250 };
const atEnd: (() => unknown)[] = [];
let prometheus: Prometheus;

beforeAll(async () => {
  const targets = [...roles(), await measuringTarget(), ...(await operators())];
  busyRooms();
  prometheus = await runPrometheus(targets, [
    "monitoring/rules/chat-cluster.yaml",
    "monitoring/rules/operator.yaml",
  ]);
  await redisStandsStill();
});
afterAll(async () => {
  for (const end of atEnd.toReversed()) await end();
});

function roles(): Target[] {
  return ["server-1", "server-2", "worker-1", "worker-2"].map((pod) => ({
    address: cluster.part(pod).http ?? expect.fail(`${pod} has no address`),
    labels: { ...demo, pod },
  }));
}

async function measuringTarget(): Promise<Target> {
  const { set } = natsHealthMetrics(measured.registry);
  const { spec } = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "demo" },
    spec: { nats: { replicas: 1 } },
  });
  const connection = await connectNats(cluster.natsUrl, "test", createLog("test", "fatal"));
  const read = async (): Promise<void> => set(demo, await readNatsHealth(connection, spec));
  await read();
  const timer = setInterval(() => void read().catch(() => set(demo, undefined)), 1000);
  const http = await serveHttp("127.0.0.1", 0, measured, { notReady: () => undefined });
  atEnd.push(
    () => connection.close(),
    () => http.close(),
    () => clearInterval(timer),
  );
  return operatorTarget(`127.0.0.1:${http.port}`, "measuring");
}

const operatorTarget = (address: string, pod: string): Target => ({
  address,
  labels: { namespace: operatorNamespace, pod },
  // It speaks of namespaces that are not its own.
  honorLabels: true,
});

/** Two, of which one acts: it has a ChatCluster that changes all the time. */
async function operators(): Promise<Target[]> {
  const controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  const chatClusters = {
    group: "disroom.io",
    version: "v1alpha1",
    plural: "chatclusters",
    namespace: demo.namespace,
  };
  const custom = controlPlane.client(CustomObjectsApi);
  const body = loadYaml<object>(readFileSync("examples/minimal.yaml", "utf8"));
  await custom.createNamespacedCustomObject({ ...chatClusters, body });
  const started = ["operator-1", "operator-2"].map((pod) => ({
    pod,
    process: startOperator(controlPlane.kubeconfig),
  }));
  const targets = [];
  for (const { pod, process } of started) {
    const { http } = await process.says("listening");
    targets.push(operatorTarget(String(http), pod));
  }
  let changes = 0;
  const change = (): Promise<unknown> =>
    custom.patchNamespacedCustomObject({
      ...chatClusters,
      name: demo.name,
      body: [{ op: "add", path: "/metadata/labels", value: { changes: String(++changes) } }],
    });
  const timer = setInterval(() => void change().catch(() => {}), 500);
  atEnd.push(() => clearInterval(timer));
  return targets;
}

/** Some people who talk all the time, whatever comes back, and until the last test: a ChatClient ends with the first. */
function busyRooms(): void {
  for (const room of ["lobby", "kitchen"]) {
    for (const user of ["alice", "bob", "carol", "dave"]) {
      const socket = connect(cluster.port, "127.0.0.1").resume();
      socket.write(`join ${room} ${user}\n`);
      const timer = setInterval(() => socket.write("send hello\n"), 100);
      atEnd.push(
        () => socket.destroy(),
        () => clearInterval(timer),
      );
    }
  }
}

/** So that there are failures of Redis to count. */
async function redisStandsStill(): Promise<void> {
  const pid = cluster.part("redis").pid ?? expect.fail("Redis has no process");
  process.kill(pid, "SIGSTOP");
  try {
    await eventually(
      async () => expect(await cluster.metric("server-1", "disroom_presence_redis_up")).toBe(0),
      patience,
    );
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await eventually(
    async () => expect(await cluster.metric("server-1", "disroom_presence_redis_up")).toBe(1),
    patience,
  );
}

/** What Grafana puts in for the variables of a dashboard. */
function filledIn(text: string, namespace: string): string {
  return text
    .replaceAll("$namespace", namespace)
    .replaceAll("$cluster", demo.name)
    .replaceAll("$__rate_interval", "15s");
}

/** Every selector has series, and they have the labels that they are summed up by. */
async function speaksOfWhatExists(expr: string): Promise<void> {
  const selectors = selectorsOf(expr);
  expect(selectors, expr).not.toEqual([]);
  for (const selector of selectors) {
    await eventually(
      async () => expect(await prometheus.query(selector), selector).not.toEqual([]),
      patience,
    );
  }
  for (const { labels, selector } of groupingsOf(expr)) {
    for (const { metric } of await prometheus.query(selector)) {
      for (const label of labels) expect(Object.keys(metric), `${label} of ${selector}`).toContain(label);
    }
  }
}

type Panel = {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
};

describe.each([
  { name: "chat-cluster", namespace: demo.namespace },
  { name: "operator", namespace: operatorNamespace },
])("the dashboard $name", ({ name, namespace }) => {
  const dashboard = JSON.parse(readFileSync(`monitoring/dashboards/${name}.json`, "utf8")) as {
    panels: Panel[];
    templating: { list: { type: string; name: string; definition: string }[] };
  };

  test.each(
    dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
    ),
  )("$title: $expr has data", async ({ expr, legendFormat }) => {
    const query = filledIn(expr, namespace);
    await speaksOfWhatExists(query);
    const legendLabels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
    await eventually(async () => {
      const results = await prometheus.query(query);
      expect(
        results.some(({ value }) => Number.isFinite(Number(value[1]))),
        JSON.stringify(results),
      ).toBe(true);
      for (const { metric } of results)
        expect(Object.keys(metric).toSorted()).toEqual(legendLabels.toSorted());
    }, patience);
  });

  test("its variables have values to choose from", async () => {
    const queries = dashboard.templating.list.filter(({ type }) => type === "query");
    expect(queries).not.toEqual([]);
    for (const { definition } of queries) {
      const [, selector = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
      const results = await prometheus.query(filledIn(selector, namespace));
      const values = results.map(({ metric }) => metric[label]);
      expect(values, definition).toContain(label === "name" ? demo.name : namespace);
    }
  });
});

describe.each(["chat-cluster", "operator"])("the rules %s", (name) => {
  const { groups } = parse(readFileSync(`monitoring/rules/${name}.yaml`, "utf8")) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };

  test.each(groups.flatMap(({ rules }) => rules))("$alert speaks of what exists", async ({ alert, expr }) => {
    await speaksOfWhatExists(expr);
    await eventually(async () => {
      const rule = (await prometheus.rules()).find((each) => each.name === alert);
      expect(rule).toMatchObject({ health: "ok" });
    }, patience);
  });
});
