import { expect, test } from "vitest";
import { generateCredentials } from "../../../../src/cluster/credentials.ts";
import type { KubeObject } from "../../../../src/operator/kube/objects.ts";
import { selectorText } from "../../../../src/operator/resources/metadata.ts";
import { natsAddress, natsClaim, natsNodes } from "../../../../src/operator/resources/names.ts";
import { objectsOf } from "../../../../src/operator/resources/objects.ts";
import type { ResourceOptions, StoredChatCluster } from "../../../../src/operator/resources/options.ts";
import { parseDuration, readSettings } from "../../../../src/platform/settings.ts";
import { serverSettings } from "../../../../src/server/settings.ts";
import { workerSettings } from "../../../../src/worker/settings.ts";
import { full, fullOptions, minimal, options, stored } from "./chat-clusters.ts";

// biome-ignore lint/suspicious/noExplicitAny: objects of all kinds.
type Any = any;

function objectOf(objects: readonly KubeObject[], kind: string, name: string): Any {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

const workloads = (objects: readonly KubeObject[]): Any[] =>
  objects.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");

/** The parts whose pods a change makes anew. */
function rolled(
  change: { spec?: object; options?: Partial<ResourceOptions> },
  before: StoredChatCluster = minimal,
): string[] {
  const after = { ...before, spec: { ...before.spec, ...change.spec } };
  const templates = (cluster: StoredChatCluster, given: ResourceOptions): Map<string, string> =>
    new Map(
      workloads(objectsOf(cluster, given)).map(({ metadata, spec }) => [
        metadata.name,
        JSON.stringify(spec.template),
      ]),
    );
  const changed = templates(after, { ...options, ...change.options });
  return [...templates(before, options)]
    .filter(([name, template]) => changed.get(name) !== template)
    .map(([name]) => name);
}

const { nats, server, redis, workers } = minimal.spec;

test("the same input gives the same bytes", () => {
  expect(JSON.stringify(objectsOf(structuredClone(full), fullOptions))).toBe(
    JSON.stringify(objectsOf(full, fullOptions)),
  );
});

test("every object goes with its ChatCluster, and is labelled as a part of it", () => {
  for (const { metadata } of [...objectsOf(minimal, options), ...objectsOf(full, fullOptions)]) {
    expect(metadata.namespace).toBe("chat");
    expect(metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: "ChatCluster", uid: minimal.metadata.uid, controller: true }),
    ]);
    expect(metadata.labels).toMatchObject({
      "app.kubernetes.io/part-of": "disroom",
      "app.kubernetes.io/managed-by": "disroom-operator",
    });
  }
});

test("a Secret stands before whatever reads it, and no name comes twice", () => {
  const objects = objectsOf(full, fullOptions);
  const kinds = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(new Set(kinds).size).toBe(kinds.length);
  for (const { metadata, spec } of workloads(objects)) {
    const read = [
      ...JSON.stringify(spec).matchAll(/"secretName":"([^"]+)"|"secretKeyRef":{"name":"([^"]+)"/g),
    ];
    for (const [, mounted, variable] of read) {
      const at = kinds.findIndex((each) => each === `Secret ${mounted ?? variable}`);
      expect(at).toBeGreaterThanOrEqual(0);
      expect(at).toBeLessThan(
        kinds.findIndex(
          (each) => each.endsWith(`Set ${metadata.name}`) || each === `Deployment ${metadata.name}`,
        ),
      );
    }
  }
});

test("names fit into 63 characters, with what Kubernetes adds to them, whatever the ChatCluster is called", () => {
  const objects = objectsOf(stored("a".repeat(40), {}), options);
  for (const { metadata } of objects) expect(metadata.name.length).toBeLessThanOrEqual(60);
  // A label of a StatefulSet's pods holds its name and a hash. Names of Deployments' pods are shortened.
  const { metadata } = objectOf(objects, "StatefulSet", `${"a".repeat(40)}-nats`);
  expect(`${metadata.name}-0123456789`.length).toBeLessThanOrEqual(63);
});

test("passwords are in Secrets and nowhere else", () => {
  const others = objectsOf(full, fullOptions).filter(({ kind }) => kind !== "Secret");
  for (const password of Object.values(options.credentials))
    expect(JSON.stringify(others)).not.toContain(password);
});

test.each([
  ["the chat Service", { spec: { server: { ...server, service: full.spec.server.service } } }, []],
  ["more chat servers", { spec: { server: { ...server, replicas: 9 } } }, []],
  ["more workers", { options: { workers: 7 } }, []],
  ["more NATS nodes", { spec: { nats: { ...nats, replicas: 5 } } }, []],
  ["where the operator runs", { options: { operatorNamespace: "elsewhere" } }, []],
  [
    "what becomes of volumes",
    { spec: { nats: { ...nats, storage: { ...nats.storage, whenDeleted: "Delete" } } } },
    [],
  ],
  ["retention", { spec: { rooms: full.spec.rooms, queue: full.spec.queue } }, []],
  [
    "labels of servers",
    { spec: { server: { ...server, pod: { labels: { team: "chat" } } } } },
    ["demo-server"],
  ],
  ["fsync", { spec: { nats: { ...nats, syncAlways: false } } }, ["demo-nats"]],
  [
    "bigger volumes",
    { spec: { nats: { ...nats, storage: { ...nats.storage, size: "20Gi" } } } },
    ["demo-nats"],
  ],
  [
    "volumes that are still to grow",
    {
      spec: { nats: { ...nats, storage: { ...nats.storage, size: "20Gi" } } },
      options: { volumeBytes: 10 * 2 ** 30 },
    },
    [],
  ],
  [
    "memory of Redis",
    { spec: { redis: { ...redis, resources: { limits: { memory: "1Gi" } } } } },
    ["demo-redis"],
  ],
  [
    "limits of clients",
    { spec: { server: { ...server, limits: full.spec.server.limits } } },
    ["demo-server"],
  ],
  [
    "resources of workers",
    { spec: { workers: { ...workers, resources: { requests: { cpu: 1 } } } } },
    ["demo-worker"],
  ],
  ["a new image", { options: { image: "ghcr.io/disroom/disroom:0.2.0" } }, ["demo-worker", "demo-server"]],
  [
    "another password of Redis",
    { options: { credentials: { ...options.credentials, redis: "x" } } },
    ["demo-redis", "demo-server"],
  ],
  [
    "all passwords",
    { options: { credentials: generateCredentials() } },
    ["demo-nats", "demo-redis", "demo-worker", "demo-server"],
  ],
])("%s: makes the pods anew of those that it concerns", (_, change, parts) => {
  expect(rolled(change)).toEqual(parts);
});

test("exporters stand beside NATS and Redis where a PodMonitor is asked for, as locked up as those", () => {
  const asked = stored("demo", { monitoring: { podMonitor: true } });
  expect(rolled({ spec: asked.spec })).toEqual(["demo-nats", "demo-redis"]);
  const objects = objectsOf(asked, options);
  for (const [kind, name, port] of [
    ["StatefulSet", "demo-nats", 7777],
    ["Deployment", "demo-redis", 9121],
  ] as const) {
    const [part, exporter, ...others] = objectOf(objects, kind, name).spec.template.spec.containers;
    expect(others).toEqual([]);
    // The name by which the PodMonitor looks for the port.
    expect(exporter).toMatchObject({ name: "metrics", ports: [{ name: "metrics", containerPort: port }] });
    expect(exporter.securityContext).toEqual(part.securityContext);
    // Requests that are not the limits would make a Guaranteed pod another one.
    expect(exporter.resources.requests).toEqual(exporter.resources.limits);
    // A probe could only take the pod out of service.
    expect(Object.keys(exporter).filter((field) => field.endsWith("Probe"))).toEqual([]);
  }
});

test("where there are no exporters, their ports are not open", () => {
  const openings = ["nats", "redis"].flatMap(
    (part) => objectOf(objectsOf(minimal, options), "NetworkPolicy", `demo-${part}`).spec.ingress,
  );
  const open = openings.flatMap(({ ports }) => ports.map(({ port }: Any) => port));
  expect(open).toEqual([4222, 6222, 4222, 6379]);
});

test("a single NATS node has no budget, and is otherwise like one of several", () => {
  const one = objectsOf(stored("demo", { nats: { replicas: 1 } }), options);
  const budgets = one.filter(
    ({ kind, metadata }) => `${kind} ${metadata.name}` === "PodDisruptionBudget demo-nats",
  );
  expect(budgets).toEqual([]);
  const template = (objects: readonly KubeObject[]) =>
    objectOf(objects, "StatefulSet", "demo-nats").spec.template;
  expect(template(one)).toEqual(template(objectsOf(stored("demo", { nats: { replicas: 5 } }), options)));
});

test("only where it may found a cluster, the first NATS node finds what it takes", () => {
  const filesOf = (mayFound: boolean) =>
    Object.keys(objectOf(objectsOf(minimal, { ...options, mayFound }), "Secret", "demo-nats").data);
  const whatItTakes = ["founder-name", "founder-peers"];
  expect(filesOf(true)).toEqual([...filesOf(false), ...whatItTakes]);
  expect(rolled({ options: { mayFound: false } })).toEqual([]);
});

const natsConf = (objects: readonly KubeObject[], cluster: string): string =>
  Buffer.from(objectOf(objects, "Secret", `${cluster}-nats`).data["nats.conf"], "base64").toString();

test("NATS nodes know each other by the names of their pods", () => {
  const config = natsConf(objectsOf(full, fullOptions), "big");
  expect(config).toContain("server_name: $NATS_NODE_NAME");
  for (const number of [0, 4]) {
    expect(config).toContain(`routes-secret@big-nats-${number}.big-nats-headless:6222`);
  }
});

test("Go keeps within the limits of NATS, where there are any", () => {
  const environment = (objects: readonly KubeObject[], name: string): Record<string, string> =>
    Object.fromEntries(
      objectOf(objects, "StatefulSet", name).spec.template.spec.containers[0].env.map((variable: Any) => [
        variable.name,
        variable.value,
      ]),
    );
  expect(environment(objectsOf(full, fullOptions), "big-nats")).toMatchObject({
    GOMEMLIMIT: String(Math.floor(2 ** 31 * 0.9)),
    GOMAXPROCS: "2",
  });
  expect(Object.keys(environment(objectsOf(minimal, options), "demo-nats"))).toEqual(["POD_NAME", "GODEBUG"]);
});

test("volumes grow by their claims: the template of a StatefulSet that exists stays as it is", () => {
  const claimOf = (claimSize?: string): Any =>
    objectOf(objectsOf(full, { ...fullOptions, ...(claimSize && { claimSize }) }), "StatefulSet", "big-nats")
      .spec.volumeClaimTemplates[0].spec;
  expect(claimOf()).toEqual({
    accessModes: ["ReadWriteOnce"],
    storageClassName: "fast",
    resources: { requests: { storage: "50Gi" } },
  });
  expect(claimOf("45Gi").resources.requests.storage).toBe("45Gi");
});

test("who is told to stop has the time for it", () => {
  for (const { spec } of workloads(objectsOf(minimal, options)).filter(({ metadata }) =>
    /server|worker/.test(metadata.name),
  )) {
    const { terminationGracePeriodSeconds, containers } = spec.template.spec;
    const delay = containers[0].lifecycle?.preStop.sleep.seconds ?? 0;
    expect((terminationGracePeriodSeconds - delay) * 1000).toBeGreaterThan(parseDuration("25s") ?? 0);
  }
});

test("roles understand the arguments and variables that they are given", () => {
  const objects = objectsOf(full, fullOptions);
  const started = (part: string): { args: string[]; environment: Record<string, string> } => {
    const [{ args, env }] = objectOf(objects, "Deployment", `big-${part}`).spec.template.spec.containers;
    const environment = Object.fromEntries(env.map(({ name, value = "" }: Any) => [name, value]));
    expect(args[0]).toBe(part);
    return { args: args.slice(1), environment };
  };
  const server = started("server");
  expect(readSettings(serverSettings, server.args, server.environment)).toMatchObject({
    partitions: 32,
    maxConnections: 500,
    messagesPerSecond: 0,
    sendQueueBytes: 65536,
    joinTimeout: 300_000,
    natsUrl: "nats://disroom:$(NATS_PASSWORD)@big-nats:4222",
    redisUrl: "redis://:$(REDIS_PASSWORD)@big-redis:6379",
  });
  const worker = started("worker");
  expect(readSettings(workerSettings, worker.args, worker.environment)).toMatchObject({
    partitions: 32,
    natsUrl: "nats://disroom:$(NATS_PASSWORD)@big-nats:4222",
  });
});

test("Services and probes name ports that the pods have", () => {
  const objects = objectsOf(full, fullOptions);
  const containers: Any[] = workloads(objects).map(({ spec }) => spec.template.spec.containers[0]);
  const portsOf = (part: string): string[] =>
    containers.find(({ name }) => name === part)?.ports.map(({ name }: Any) => name);
  for (const { metadata, spec } of objects.filter(({ kind }) => kind === "Service") as Any[]) {
    const part = spec.selector["app.kubernetes.io/component"];
    for (const { targetPort } of spec.ports) expect(portsOf(part), metadata.name).toContain(targetPort);
  }
  for (const { name, startupProbe, readinessProbe, livenessProbe } of containers) {
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      if (probe?.httpGet !== undefined) expect(portsOf(name)).toContain(probe.httpGet.port);
    }
  }
});

test.each([
  ["nats", 4222, ["server", "worker", "operator"]],
  ["nats", 6222, ["nats"]],
  ["nats", 7777, ["any pod"]],
  ["redis", 6379, ["server"]],
  ["redis", 9121, ["any pod"]],
  ["server", 8080, ["everybody"]],
  ["server", 9090, ["any pod"]],
  ["worker", 9090, ["any pod"]],
])("%s:%i is open to those who need it", (part, port, expected) => {
  const { ingress } = objectOf(objectsOf(full, fullOptions), "NetworkPolicy", `big-${part}`).spec;
  const peers = ingress
    .filter((rule: Any) => rule.ports.some((each: Any) => each.port === port))
    .flatMap((rule: Any) => rule.from ?? ["everybody"]);
  expect(peers.map(peerName)).toEqual(expected);
});

test("nothing else is open", () => {
  const policies: Any[] = objectsOf(full, fullOptions).filter(({ kind }) => kind === "NetworkPolicy");
  expect(policies.flatMap(({ spec }) => spec.ingress).flatMap(({ ports }) => ports)).toHaveLength(9);
  for (const { spec } of policies) expect(spec.policyTypes).toEqual(["Ingress"]);
});

function peerName(peer: Any): string {
  if (peer === "everybody") return peer;
  if (peer.podSelector === undefined) return "any pod";
  const { matchLabels: labels } = peer.podSelector;
  if (labels["app.kubernetes.io/name"] !== "disroom-operator") return labels["app.kubernetes.io/component"];
  expect(peer.namespaceSelector.matchLabels).toEqual({ "kubernetes.io/metadata.name": "disroom-system" });
  return "operator";
}

test("what a ChatCluster asks of pods comes on top of what they need", () => {
  const template = (part: string): Any =>
    workloads(objectsOf(full, fullOptions)).find(({ metadata }) => metadata.name === `big-${part}`).spec
      .template;
  expect(template("server")).toMatchObject({
    metadata: { labels: { team: "chat", "app.kubernetes.io/component": "server" } },
    spec: {
      imagePullSecrets: [{ name: "registry" }],
      tolerations: [{}, {}, { key: "dedicated", value: "chat", effect: "NoSchedule" }],
      affinity: { nodeAffinity: expect.anything(), podAntiAffinity: expect.anything() },
    },
  });
  expect(template("nats").spec).toMatchObject({
    nodeSelector: { disk: "ssd" },
    priorityClassName: "system-node-critical",
  });
  expect(template("redis").metadata.annotations).toMatchObject({
    "example.com/scan": "no",
    "disroom.io/config-hash": expect.anything(),
  });
  // In place of the zones that the operator would prefer.
  expect(template("worker").spec.affinity).toEqual({ podAntiAffinity: {} });
});

test("what the operator looks up goes by the names that it gives", () => {
  const { metadata, spec } = objectOf(objectsOf(full, fullOptions), "StatefulSet", "big-nats");
  const nodes = natsNodes(full);
  expect(nodes).toHaveLength(spec.replicas);
  expect(nodes[4]).toBe(`${metadata.name}-4`);
  expect(natsClaim("big-nats-4")).toBe(`${spec.volumeClaimTemplates[0].metadata.name}-big-nats-4`);
  expect(natsAddress(full)).toBe("big-nats.chat.svc:4222");
  expect(selectorText(full, "server")).toBe(
    "app.kubernetes.io/name=disroom,app.kubernetes.io/instance=big,app.kubernetes.io/component=server",
  );
});
