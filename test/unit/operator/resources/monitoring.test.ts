import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { monitoringObjects } from "../../../../src/operator/resources/monitoring.ts";
import { prometheusProgram } from "../../../support/prometheus.ts";
import { minimal, stored } from "./chat-clusters.ts";

const everything = { podMonitor: true, rules: true, dashboards: true };
const named = (name: string) => stored(name, { monitoring: everything });
const folder = mkdtempSync(join(tmpdir(), "disroom-rules-"));
afterAll(() => rmSync(folder, { recursive: true }));

function objectOf(cluster: string, kind: string): KubeObject {
  const found = monitoringObjects(named(cluster)).find((object) => object.kind === kind);
  return found ?? expect.fail(`no ${kind}`);
}

test("what is not asked for is not made", () => {
  const kinds = (monitoring: object) =>
    monitoringObjects(stored("demo", { monitoring })).map(({ kind }) => kind);
  expect(monitoringObjects(minimal)).toEqual([]);
  expect(kinds({ podMonitor: true })).toEqual(["PodMonitor"]);
  expect(kinds({ rules: true })).toEqual(["PrometheusRule"]);
  expect(kinds({ dashboards: true })).toEqual(["ConfigMap"]);
  for (const { metadata } of monitoringObjects(named("demo"))) {
    expect(metadata).toMatchObject({
      name: "demo-monitoring",
      namespace: "chat",
      labels: { "app.kubernetes.io/name": "disroom", "app.kubernetes.io/instance": "demo" },
      ownerReferences: [{ kind: "ChatCluster", name: "demo" }],
    });
  }
});

test("the PodMonitor reads all parts, and says of which ChatCluster they are", () => {
  const relabelings = [
    {
      sourceLabels: ["__meta_kubernetes_pod_label_app_kubernetes_io_instance"],
      targetLabel: "name",
      action: "replace",
    },
  ];
  expect(objectOf("demo", "PodMonitor")).toMatchObject({
    apiVersion: "monitoring.coreos.com/v1",
    spec: {
      selector: {
        matchLabels: { "app.kubernetes.io/name": "disroom", "app.kubernetes.io/instance": "demo" },
        matchExpressions: [
          {
            key: "app.kubernetes.io/component",
            operator: "In",
            values: ["server", "worker", "nats", "redis"],
          },
        ],
      },
      podMetricsEndpoints: [
        { port: "http", interval: "30s", relabelings },
        { port: "metrics", interval: "30s", relabelings },
      ],
    },
  });
});

type Tests = { tests: { promql_expr_test: { exp_samples?: unknown }[] }[] };

/** Runs the tests of the rules of all ChatClusters on those of one, after `change`. */
function promtool(cluster: string, change: (tests: Tests) => void = () => {}): string {
  const { spec } = objectOf(cluster, "PrometheusRule");
  writeFileSync(join(folder, "rules.yaml"), stringify(spec));
  const tests = parse(readFileSync("monitoring/tests/chat-cluster.yaml", "utf8")) as Tests;
  change(tests);
  const file = join(folder, "tests.yaml");
  writeFileSync(file, stringify({ ...tests, rule_files: ["rules.yaml"] }, { aliasDuplicateObjects: false }));
  return execFileSync(prometheusProgram("promtool"), ["test", "rules", file], {
    encoding: "utf8",
    stdio: "pipe",
  });
}

test("the PrometheusRule fires of its ChatCluster as the rules of all do, and of no other", () => {
  expect(promtool("bad")).toContain("SUCCESS");
  // The tests expect that those of "bad" fire.
  expect(() => promtool("good")).toThrow("FAILED");
  const nothing = ({ tests }: Tests): void => {
    for (const { promql_expr_test } of tests) for (const each of promql_expr_test) delete each.exp_samples;
  };
  expect(promtool("good", nothing)).toContain("SUCCESS");
});

test("the dashboard is of its ChatCluster, and no other one has the same uid", () => {
  const dashboard = (cluster: string) => {
    const { metadata, data } = objectOf(cluster, "ConfigMap");
    expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    const [[file, json] = []] = Object.entries(data as Record<string, string>);
    expect(file).toBe(`disroom-chat-${cluster}.json`);
    return JSON.parse(json ?? "");
  };
  const demo = dashboard("demo");
  expect(demo.title).toBe("DisRoom / chat/demo");
  // Grafana takes at most 40 characters.
  expect(demo.uid).toMatch(/^[\w-]{1,40}$/);
  expect(dashboard("other").uid).not.toBe(demo.uid);
  const variables: { name: string; type: string; query: string }[] = demo.templating.list;
  expect(variables.map(({ name, type, query }) => [name, type, query])).toEqual([
    ["datasource", "datasource", "prometheus"],
    ["namespace", "constant", "chat"],
    ["cluster", "constant", "demo"],
  ]);
  expect(demo.panels).toEqual(
    JSON.parse(readFileSync("monitoring/dashboards/chat-cluster.json", "utf8")).panels,
  );
});
