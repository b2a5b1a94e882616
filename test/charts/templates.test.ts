import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { commentedValues } from "../../hack/charts/commented-values.ts";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import { loadChatCluster } from "../../src/cluster/spec.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import {
  defineChatClusters,
  newFolder,
  runControlPlane,
  type TestControlPlane,
} from "../support/control-plane.ts";
import { everyField } from "../support/every-field.ts";
import { clusterChart, helm, kubeVersion, operatorChart } from "../support/helm.ts";

/** What the charts render, given to a real API server. */

let controlPlane: TestControlPlane;
/** The operator's chart with samples of rules and dashboards. */
let withSamples: string;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  await kubectl("apply", "--server-side", "--filename=test/charts/samples/prometheus-operator.yaml");
  for (const namespace of ["disroom-system", "team-a", "team-b"]) {
    await kubectl("create", "namespace", namespace);
  }
  // A Deployment whose pods would be refused makes a warning.
  for (const mode of ["enforce", "warn"]) {
    await kubectl("label", "namespace", "disroom-system", `pod-security.kubernetes.io/${mode}=restricted`);
  }
  withSamples = join(newFolder(), "disroom-operator");
  cpSync(operatorChart, withSamples, { recursive: true });
  cpSync("test/charts/samples/rules.yaml", join(withSamples, "files/rules/chat-cluster.yaml"));
  cpSync("test/charts/samples/dashboard.json", join(withSamples, "files/dashboards/chat-cluster.json"));
});

function kubectl(...args: string[]): Promise<string> {
  return kubectlAs(controlPlane.kubeconfig, `--cache-dir=${controlPlane.folder}/kubectl`, ...args);
}

type Values = Readonly<Record<string, unknown>>;

const known = new Map<string, Promise<string>>();

/** What a chart makes of values, which are given by their paths. */
async function rendered(chart: string, values: Values = {}, ...args: string[]): Promise<KubeObject[]> {
  const sets = Object.entries(values).map(([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`);
  const command = ["template", "disroom-operator", chart, "--namespace=disroom-system", kubeVersion, ...sets];
  const key = [...command, ...args].join(" ");
  const text = known.get(key) ?? helm(...command, ...args);
  known.set(key, text);
  return parseAllDocuments(await text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

/** Tries to apply objects; fields that the API server does not know are mistakes, and so are warnings. */
async function dryRun(objects: readonly KubeObject[]): Promise<KubeObject[]> {
  const file = join(controlPlane.folder, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const strictly = ["--dry-run=server", "--validate=strict", "--warnings-as-errors", "--force-conflicts"];
  const args = ["--server-side", ...strictly, `--filename=${file}`, "--output=json"];
  const answer = JSON.parse(await kubectl("apply", ...args));
  // Of one object it answers that one.
  return answer.kind === "List" ? answer.items : [answer];
}

const kinds = (objects: readonly KubeObject[]): string[] => objects.map(({ kind }) => kind);
const objectOf = (objects: readonly KubeObject[], kind: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};

/** What is off by default, turned on. */
const features: Values = {
  "networkPolicy.egress.restricted": true,
  "metrics.serviceMonitor.enabled": true,
  "prometheusRule.enabled": true,
  "dashboards.enabled": true,
};

/** What is on by default, turned off. */
const without: Values = {
  "crds.install": false,
  "crds.keep": false,
  "rbac.create": false,
  "rbac.userRoles": false,
  "serviceAccount.create": false,
  "podDisruptionBudget.enabled": false,
  "networkPolicy.enabled": false,
  "metrics.service.enabled": false,
  "prometheusRule.chatClusters": false,
  "dashboards.chatClusters": false,
};

/** All other values, each another than its default. */
const settings: Values = {
  "image.repository": "registry.example.com/disroom",
  "image.tag": "1.2.3",
  "image.digest": `sha256:${"0".repeat(64)}`,
  "image.pullPolicy": "Always",
  imagePullSecrets: [{ name: "registry" }],
  chatImage: "registry.example.com/chat:1",
  namespaces: ["team-a", "team-b"],
  replicas: 3,
  "settings.concurrency": 2,
  // As a float, what a values file holds would be 1e+06 in a text.
  "settings.requestsPerSecond": 1_000_000,
  "settings.shutdownGrace": "5s",
  "settings.logLevel": "debug",
  extraArgs: ["--http-port=8081"],
  "env.NODE_OPTIONS": "--max-old-space-size-percentage=60",
  "env.GLIBC_TUNABLES": "glibc.malloc.arena_max=1",
  extraEnv: [{ name: "NODE_ENV", value: "production" }],
  "serviceAccount.name": "chat-operator",
  "serviceAccount.annotations": { "example.com/role": "chat" },
  fullnameOverride: "chat",
  commonLabels: { team: "chat" },
  commonAnnotations: { "example.com/contact": "chat@example.com" },
  podLabels: { pod: "label" },
  podAnnotations: { "example.com/pod": "annotation" },
  "resources.requests": { cpu: "100m", memory: "200Mi" },
  "resources.limits": { cpu: 1, memory: "1Gi" },
  podSecurityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  securityContext: { readOnlyRootFilesystem: false },
  nodeSelector: { disk: "ssd" },
  tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: {} },
  ],
  priorityClassName: "system-cluster-critical",
  terminationGracePeriodSeconds: 60,
  "podDisruptionBudget.maxUnavailable": "50%",
  "networkPolicy.metricsFrom": [{ namespaceSelector: { matchLabels: { monitoring: "true" } } }],
  "networkPolicy.egress.apiServerPorts": [443],
  "metrics.service.annotations": { "example.com/scrape": "true" },
  "metrics.serviceMonitor.labels": { release: "prometheus" },
  "metrics.serviceMonitor.interval": "30s",
  "metrics.serviceMonitor.scrapeTimeout": "10s",
  "metrics.serviceMonitor.relabelings": [{ action: "labeldrop", regex: "pod" }],
  "metrics.serviceMonitor.metricRelabelings": [
    { action: "drop", regex: "go_.*", sourceLabels: ["__name__"] },
  ],
  "prometheusRule.labels": { release: "prometheus" },
  "dashboards.labels": { grafana_dashboard: "yes" },
  "dashboards.annotations": { grafana_folder: "Chat" },
};

test.each([operatorChart, clusterChart])("helm lint finds nothing in %s", async (chart) => {
  expect(await helm("lint", "--strict", "--quiet", chart)).not.toContain("[");
});

describe("the operator's chart", () => {
  test("its objects are accepted as they are by default", async () => {
    const objects = await rendered(operatorChart);
    expect(kinds(objects).toSorted()).toEqual([
      "ClusterRole",
      "ClusterRole",
      "ClusterRole",
      "ClusterRoleBinding",
      "CustomResourceDefinition",
      "Deployment",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Role",
      "RoleBinding",
      "Service",
      "ServiceAccount",
    ]);
    expect(await dryRun(objects)).toHaveLength(objects.length);
  });

  test("its objects are accepted with all features and settings, in every namespace that they are in", async () => {
    const objects = await rendered(withSamples, { ...features, ...settings });
    expect(kinds(objects)).toEqual(
      expect.arrayContaining(["ServiceMonitor", "PrometheusRule", "ConfigMap", "Role"]),
    );
    expect(kinds(objects)).not.toContain("ClusterRoleBinding");
    expect(await dryRun(objects)).toHaveLength(objects.length);
  });

  test.each(Object.keys(without))("its objects are accepted when %s is false", async (path) => {
    const objects = await rendered(withSamples, { ...features, ...withoutMonitor(path), [path]: false });
    expect(await dryRun(objects)).toHaveLength(objects.length);
  });

  test("a pod that does not keep to the standard is refused here", async () => {
    const objects = await rendered(operatorChart, { "podSecurityContext.runAsNonRoot": false });
    await expect(dryRun(objects)).rejects.toThrow('would violate PodSecurity "restricted:latest"');
  });

  /** What has an effect only when others have their defaults. */
  const hidden: Record<string, string> = { "image.tag": "image.digest" };

  test.each(Object.entries({ ...without, ...settings }))("%s has an effect", async (path, value) => {
    const base = { ...features, ...withoutMonitor(path), ...(hidden[path] && { [hidden[path]]: "" }) };
    expect(await rendered(withSamples, { ...base, [path]: value })).not.toEqual(
      await rendered(withSamples, base),
    );
  });

  test.each(Object.keys(features))("%s has an effect", async (path) => {
    expect(await rendered(withSamples, { [path]: true })).not.toEqual(await rendered(withSamples));
  });

  test("every value is tried above", () => {
    const tried = Object.keys({ ...features, ...without, ...settings });
    const values = commentedValues(readFileSync(`${operatorChart}/values.yaml`, "utf8"));
    const untried = [...values.keys()].filter(
      (path) =>
        !tried.some(
          (other) => path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`),
        ),
    );
    expect(untried).toEqual([]);
    expect(tried.filter((path) => !values.has(path))).toEqual([]);
  });

  /** A ServiceMonitor needs the Service. */
  function withoutMonitor(path: string): Values {
    return path === "metrics.service.enabled" ? { "metrics.serviceMonitor.enabled": false } : {};
  }

  test("what a values file leaves empty (`commonLabels:`) is as if it were not there", async () => {
    const empty = { commonLabels: null, commonAnnotations: null, podLabels: null, podAnnotations: null };
    expect(await rendered(operatorChart, empty)).toEqual(await rendered(operatorChart));
  });

  test("of ChatClusters it reaches NATS alone where what it reaches is limited", async () => {
    const values = { "networkPolicy.egress.restricted": true };
    const policy = objectOf(await rendered(operatorChart, values), "NetworkPolicy");
    const { egress } = policy.spec as { egress: { to?: unknown; ports: { port: number }[] }[] };
    const toPods = egress.filter(({ to }) => to !== undefined);
    expect(toPods.map(({ ports }) => ports.map(({ port }) => port))).toEqual([[4222]]);
    expect(JSON.stringify(toPods)).toContain('"app.kubernetes.io/component":"nats"');
  });

  test("a ServiceMonitor without the Service that it selects is refused", async () => {
    const values = { "metrics.serviceMonitor.enabled": true, "metrics.service.enabled": false };
    await expect(rendered(operatorChart, values)).rejects.toThrow("needs metrics.service.enabled");
  });

  test("for some namespaces it has rights in these alone", async () => {
    const objects = await rendered(operatorChart, { namespaces: ["team-a", "team-b"] });
    const bound = objects
      .filter(({ kind }) => kind.endsWith("Binding"))
      .map(({ kind, metadata, roleRef }) => `${kind} ${metadata.namespace} ${(roleRef as KubeObject).kind}`);
    expect(bound.toSorted()).toEqual([
      "RoleBinding disroom-system Role",
      "RoleBinding team-a Role",
      "RoleBinding team-b Role",
    ]);
    const rules = objects.filter(({ kind, metadata }) => kind === "Role" && metadata.namespace === "team-a");
    const everywhere = objectOf(await rendered(operatorChart), "ClusterRole");
    expect(rules.map((role) => role.rules)).toEqual([everywhere.rules]);
    expect(JSON.stringify(objectOf(objects, "Deployment"))).toContain('"--namespaces=team-a,team-b"');
  });

  test("rules and dashboards get into their objects as they are", async () => {
    const objects = await rendered(withSamples, features);
    const rule = objects.find(({ metadata }) => metadata.name === "disroom-operator-chat-cluster");
    expect(rule?.spec).toEqual(parse(readFileSync("test/charts/samples/rules.yaml", "utf8")));
    const dashboard = objects.find(
      ({ metadata }) => metadata.name === "disroom-operator-dashboard-chat-cluster",
    );
    expect(dashboard?.metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    const data = dashboard?.data as Record<string, string>;
    expect(JSON.parse(data["disroom-operator-chat-cluster.json"] ?? "")).toEqual(
      JSON.parse(readFileSync("test/charts/samples/dashboard.json", "utf8")),
    );
  });

  test("the CRD is that in crds/, with Helm told to keep it", async () => {
    const crd = objectOf(await rendered(operatorChart), "CustomResourceDefinition");
    const original = parse(readFileSync("crds/chatclusters.disroom.io.yaml", "utf8"));
    expect(crd.spec).toEqual(original.spec);
    expect(crd.metadata).toMatchObject({
      name: original.metadata.name,
      annotations: { "helm.sh/resource-policy": "keep" },
    });
  });

  test("what is packaged is whole", async () => {
    const folder = newFolder();
    await helm("package", withSamples, `--destination=${folder}`);
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    const archive = join(folder, `disroom-operator-${version}.tgz`);
    expect(await rendered(archive, features)).toEqual(await rendered(withSamples, features));
  });

  test("deploy/ is what it renders", async () => {
    const known = parseAllDocuments(readFileSync("deploy/operator.yaml", "utf8")).map((one) => one.toJS());
    const [namespace, ...deployed] = known;
    expect(namespace).toMatchObject({ kind: "Namespace", metadata: { name: "disroom-system" } });
    const objects = await rendered(operatorChart, { "crds.install": false });
    const withoutTraces = objects.map(({ metadata: { labels = {}, ...metadata }, ...object }) => {
      const { "app.kubernetes.io/managed-by": _, "helm.sh/chart": __, ...others } = labels;
      return { ...object, metadata: { ...metadata, labels: others } };
    });
    expect(deployed).toEqual(withoutTraces);
  });
});

describe("a cluster's chart", () => {
  test("hands on every field of a spec", async () => {
    const file = join(controlPlane.folder, "values.json");
    writeFileSync(file, JSON.stringify({ spec: everyField }));
    const objects = await rendered(clusterChart, {}, `--values=${file}`);
    const [stored] = await dryRun(objects);
    expect(stored?.spec).toEqual(everyField);
  });

  test("leaves out what is not said", async () => {
    const objects = await rendered(clusterChart);
    const [stored] = await dryRun(objects);
    expect(stored?.spec).toEqual(loadChatCluster(readFileSync("examples/minimal.yaml", "utf8")).spec);
    expect(objects[0]?.spec).toEqual({ queue: {} });
  });

  test("what a values file leaves empty (`spec:`) is as if it were not there", async () => {
    const empty = { spec: null, labels: null, annotations: null };
    expect(await rendered(clusterChart, empty)).toEqual(await rendered(clusterChart));
  });

  test("a number of many digits stays one", async () => {
    const limits = { "spec.server.limits.sendQueueBytes": 1_073_741_824 };
    const file = join(controlPlane.folder, "values.yaml");
    writeFileSync(file, "spec: { rooms: { retention: { maxMessagesPerRoom: 100000000 } } }\n");
    const [stored] = await dryRun(await rendered(clusterChart, limits, `--values=${file}`));
    expect(stored?.spec).toMatchObject({
      server: { limits: { sendQueueBytes: 1_073_741_824 } },
      rooms: { retention: { maxMessagesPerRoom: 100_000_000 } },
    });
  });

  test("name, labels and annotations are those of the ChatCluster", async () => {
    const values = { name: "lobby", labels: { team: "chat" }, annotations: { note: "text" } };
    const [object] = await dryRun(await rendered(clusterChart, values));
    expect(object?.metadata).toMatchObject({
      name: "lobby",
      labels: { team: "chat" },
      annotations: { note: "text" },
    });
  });

  test.each(["1st", "a".repeat(41), "a-"])(
    "a release whose name %s no ChatCluster can have is refused, and how to go on",
    async (name) => {
      await expect(helm("template", name, clusterChart, kubeVersion)).rejects.toThrow(
        /cannot be the name of a ChatCluster: .* set the value \\?"name\\?" to another one|invalid release name/,
      );
    },
  );
});

test.each([
  [operatorChart, "replicaz=3", "replicaz"],
  [operatorChart, "settings.concurency=3", "concurency"],
  [operatorChart, "metrics.serviceMonitor.enable=true", "enable"],
  [clusterChart, "server.replicas=3", "server"],
  [clusterChart, "spec.servr.replicas=3", "servr"],
  [clusterChart, "spec.nats.pod.tolerations[0].effekt=NoSchedule", "effekt"],
  [clusterChart, "spec.workers.lag.target=3", "target"],
])("%s refuses the value %s by its name", async (chart, value, name) => {
  // Helm 3: Additional property x is not allowed; Helm 4: additional properties 'x' not allowed.
  await expect(helm("template", "demo", chart, kubeVersion, `--set=${value}`)).rejects.toThrow(
    new RegExp(`[aA]dditional propert\\w+ '?${name}'? (is )?not allowed`),
  );
});

test.each([
  [operatorChart, "replicas=two", /replicas'?: .*(got string, want integer|Expected: integer)/],
  [operatorChart, "settings.logLevel=loud", /settings.logLevel'?: .*must be one of/],
  [clusterChart, "spec.server.replicas=0", /spec.server.replicas'?: .*(want 1|equal to 1)/],
  [clusterChart, "spec.nats.storage.whenDeleted=Keep", /spec.nats.storage.whenDeleted'?: .*must be one of/],
])("%s refuses %s, and says what it may be", async (chart, value, words) => {
  await expect(helm("template", "demo", chart, kubeVersion, `--set=${value}`)).rejects.toThrow(words);
});
