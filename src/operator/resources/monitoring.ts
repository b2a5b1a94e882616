import { createHash } from "node:crypto";
import type { KubeObject } from "../kube/objects.ts";
import { apiVersionOf, resources } from "../kube/resource.ts";
import { exporterPort } from "./exporters.ts";
import { componentLabel, metadataOf, selectorOf } from "./metadata.ts";
import { chatClusterDashboard, chatClusterRules, type RuleGroup } from "./monitoring-files.ts";
import { nameOf, type Part } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** How often Prometheus is to read the metrics. Alerts look at what happened in two minutes. */
const interval = "30s";

const scraped: readonly Part[] = ["server", "worker", "nats", "redis"];

/** What the ChatCluster asks for in spec.monitoring, in the order in which it is applied. */
export function monitoringObjects(cluster: StoredChatCluster): KubeObject[] {
  const { podMonitor: asked, rules, dashboards } = cluster.spec.monitoring;
  return [
    ...(asked ? [podMonitor(cluster)] : []),
    ...(rules ? [prometheusRule(cluster)] : []),
    ...(dashboards ? [dashboardConfigMap(cluster)] : []),
  ];
}

/** Servers and workers serve the same port under the same name, and so do the exporters beside NATS and Redis. */
function podMonitor(cluster: StoredChatCluster): KubeObject {
  const { [componentLabel]: _, ...matchLabels } = selectorOf(cluster, "server");
  const matchExpressions = [{ key: componentLabel, operator: "In", values: scraped }];
  // As in the operator's own metrics: namespace and name are those of the ChatCluster.
  const relabelings = [
    {
      sourceLabels: ["__meta_kubernetes_pod_label_app_kubernetes_io_instance"],
      targetLabel: "name",
      action: "replace",
    },
  ];
  return {
    apiVersion: apiVersionOf(resources.podMonitors),
    kind: resources.podMonitors.kind,
    metadata: metadataOf(cluster, nameOf(cluster, "monitoring"), "monitoring"),
    spec: {
      selector: { matchLabels, matchExpressions },
      podMetricsEndpoints: ["http", exporterPort].map((port) => ({ port, interval, relabelings })),
    },
  };
}

/** The alerts about ChatClusters, narrowed down to this one: each ChatCluster may have its own. */
function prometheusRule(cluster: StoredChatCluster): KubeObject {
  return {
    apiVersion: apiVersionOf(resources.prometheusRules),
    kind: resources.prometheusRules.kind,
    metadata: metadataOf(cluster, nameOf(cluster, "monitoring"), "monitoring"),
    spec: { groups: narrowedRules(cluster) },
  };
}

export function narrowedRules({ metadata: { namespace, name } }: StoredChatCluster): RuleGroup[] {
  const labels = `namespace="${namespace}",name="${name}"`;
  return chatClusterRules().map((group) => ({
    ...group,
    rules: group.rules.map((rule) => ({ ...rule, expr: narrowed(rule.expr, labels) })),
  }));
}

/** An expression with these labels asked of all its metrics, which all begin with disroom_. */
function narrowed(expr: string, labels: string): string {
  return expr.replaceAll(/\b(disroom_\w+)(\{)?/g, (_, metric: string, brace?: string) =>
    brace === undefined ? `${metric}{${labels}}` : `${metric}{${labels},`,
  );
}

/** For Grafana's sidecar, which takes dashboards from ConfigMaps with this label. */
function dashboardConfigMap(cluster: StoredChatCluster): KubeObject {
  const { namespace, name } = cluster.metadata;
  const metadata = metadataOf(cluster, nameOf(cluster, "monitoring"), "monitoring");
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, labels: { ...metadata.labels, grafana_dashboard: "1" } },
    data: { [`disroom-${namespace}-${name}.json`]: `${JSON.stringify(dashboardOf(cluster), null, 2)}\n` },
  };
}

/** The dashboard of this ChatCluster alone: Grafana knows dashboards by their uid, and takes no two with the same. */
function dashboardOf({ metadata: { namespace, name } }: StoredChatCluster): object {
  const dashboard = chatClusterDashboard();
  const chosen: Record<string, string> = { namespace, cluster: name };
  const hash = createHash("sha256").update(`${namespace}/${name}`).digest("hex").slice(0, 16);
  const list = dashboard.templating.list.map((variable) => {
    const value = chosen[variable.name];
    // Constants are not shown.
    return value === undefined ? variable : { name: variable.name, type: "constant", query: value, hide: 2 };
  });
  return {
    ...dashboard,
    uid: `disroom-${hash}`,
    title: `DisRoom / ${namespace}/${name}`,
    templating: { ...dashboard.templating, list },
  };
}
