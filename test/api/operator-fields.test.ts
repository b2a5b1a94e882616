import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import type { ChatClusterSpec } from "../../src/cluster/chat-cluster.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane } from "../support/control-plane.ts";
import { everyField } from "../support/every-field.ts";
import { apiOf } from "../support/kube-api.ts";
import { settled } from "../support/settled-nats.ts";
import { ChatClusters, ownedObjects, runOperator } from "../support/test-operator.ts";

/** Every field of a ChatCluster's spec is changed in turn: it reaches the objects that it is about, and no other. */

/** Objects that change, with what they have then; `text` is looked for in a Secret. */
type Reaches = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Case = Reaches | "streams" | "nothing" | "cannot change";

const workloads = {
  nats: "StatefulSet demo-nats",
  redis: "Deployment demo-redis",
  server: "Deployment demo-server",
  workers: "Deployment demo-worker",
};
const pod = "spec.template.spec";
const container = `${pod}.containers.0`;

function podCases(part: keyof typeof workloads): Record<string, Case> {
  const { labels, annotations, nodeSelector, tolerations, priorityClassName } = everyField[part].pod;
  const workload = workloads[part];
  const [toleration] = tolerations;
  const { value: _, ...kept } = toleration ?? {};
  return {
    [`${part}.pod.labels`]: {
      [workload]: { "spec.template.metadata.labels": expect.objectContaining(labels) },
    },
    [`${part}.pod.annotations`]: {
      [workload]: { "spec.template.metadata.annotations": expect.objectContaining(annotations) },
    },
    [`${part}.pod.nodeSelector`]: { [workload]: { [`${pod}.nodeSelector`]: nodeSelector } },
    [`${part}.pod.tolerations`]: {
      [workload]: { [`${pod}.tolerations`]: expect.arrayContaining([expect.objectContaining(kept)]) },
    },
    // The API server leaves the empty list out.
    [`${part}.pod.affinity`]: { [workload]: { [`${pod}.affinity`]: { podAntiAffinity: {} } } },
    [`${part}.pod.priorityClassName`]: { [workload]: { [`${pod}.priorityClassName`]: priorityClassName } },
    [`${part}.resources.requests`]: { [workload]: { [`${container}.resources.requests.cpu`]: "1" } },
    [`${part}.resources.limits`]: { [workload]: { [`${container}.resources.limits.memory`]: "1Gi" } },
  };
}

/** Arguments of the chat server in which `value` follows `name`. */
const argument = (name: string, value: string): Reaches => ({
  [workloads.server]: {
    [`${container}.args`]: {
      asymmetricMatch: (args: string[]) => args.includes(name) && args[args.indexOf(name) + 1] === value,
    },
  },
});
const template = { "spec.template.metadata.annotations": expect.anything() };
const service = (field: string, value: unknown): Reaches => ({ "Service demo-server": { [field]: value } });

const cases: Readonly<Record<string, Case>> = {
  image: {
    [workloads.server]: { [`${container}.image`]: everyField.image },
    [workloads.workers]: { [`${container}.image`]: everyField.image },
  },
  imagePullSecrets: Object.fromEntries(
    Object.values(workloads).map((workload) => [
      workload,
      { [`${pod}.imagePullSecrets`]: everyField.imagePullSecrets },
    ]),
  ),
  "nats.replicas": {
    [workloads.nats]: { "spec.replicas": 5 },
    "Secret demo-nats": { text: "demo-nats-4.demo-nats-headless" },
  },
  "nats.image": { [workloads.nats]: { [`${container}.image`]: everyField.nats.image } },
  // There is none yet: monitoring.podMonitor comes later.
  "nats.exporterImage": "nothing",
  // Volumes grow by their claims: none exist here (a StatefulSet's template cannot change).
  "nats.storage.size": {
    [workloads.nats]: { ...template, "spec.volumeClaimTemplates.0.spec.resources.requests.storage": "10Gi" },
    "Secret demo-nats": { text: "max_file_store: 21474836480" },
  },
  "nats.storage.className": "cannot change",
  "nats.storage.whenDeleted": {
    [workloads.nats]: { "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Delete" },
  },
  "nats.syncAlways": { [workloads.nats]: template, "Secret demo-nats": {} },
  ...podCases("nats"),
  "rooms.replicas": "streams",
  "rooms.retention.maxAge": "streams",
  "rooms.retention.maxBytes": "streams",
  "rooms.retention.maxMessagesPerRoom": "streams",
  "rooms.compression": "streams",
  "queue.maxBytes": "streams",
  "redis.image": { [workloads.redis]: { [`${container}.image`]: everyField.redis.image } },
  "redis.exporterImage": "nothing",
  ...podCases("redis"),
  "redis.resources.limits": {
    [workloads.redis]: { ...template, [`${container}.resources.limits.memory`]: "1Gi" },
    "Secret demo-redis": { text: "maxmemory 805306368" },
  },
  "server.replicas": { [workloads.server]: { "spec.replicas": 3 } },
  "server.service.type": service("spec.type", "LoadBalancer"),
  "server.service.port": service("spec.ports.0.port", 23),
  "server.service.externalTrafficPolicy": service("spec.externalTrafficPolicy", "Local"),
  "server.service.annotations": service("metadata.annotations.a", "b"),
  "server.service.loadBalancerSourceRanges": service("spec.loadBalancerSourceRanges", ["10.0.0.0/8"]),
  "server.limits.maxConnections": argument("--max-connections", "1"),
  "server.limits.messagesPerSecond": argument("--messages-per-second", "0"),
  "server.limits.sendQueueBytes": argument("--send-queue-bytes", "65536"),
  "server.limits.joinTimeout": argument("--join-timeout", "1h"),
  ...podCases("server"),
  "workers.partitions": "cannot change",
  "workers.minReplicas": { [workloads.workers]: { "spec.replicas": 2 } },
  // As many as that do not run.
  "workers.maxReplicas": "nothing",
  "workers.lag.targetSeconds": "nothing",
  "workers.lag.scaleDownDelaySeconds": "nothing",
  ...podCases("workers"),
  "monitoring.podMonitor": {
    [workloads.nats]: { [`${pod}.containers.1.image`]: everyField.nats.exporterImage },
    [workloads.redis]: { [`${pod}.containers.1.image`]: everyField.redis.exporterImage },
    "NetworkPolicy demo-nats": { "spec.ingress.3.ports.0.port": 7777 },
    "NetworkPolicy demo-redis": { "spec.ingress.1.ports.0.port": 9121 },
  },
  "monitoring.rules": "nothing",
  "monitoring.dashboards": "nothing",
  // The last one, since after it nothing reaches anything.
  paused: "nothing",
};

type Schema = { readonly properties?: Readonly<Record<string, Schema>> };

/** All fields of the spec that have no fields of their own, as `nats.storage.size`. */
function leaves({ properties }: Schema, path: string): string[] {
  if (properties === undefined) return [path];
  return Object.entries(properties).flatMap(([name, schema]) =>
    leaves(schema, path === "" ? name : `${path}.${name}`),
  );
}
const crd = parse(readFileSync("crds/chatclusters.disroom.io.yaml", "utf8"), { maxAliasCount: -1 });
const fields = leaves(crd.spec.versions[0].schema.openAPIV3Schema.properties.spec, "");
// Those that others depend on come first, as in the CRD; `paused` last.
const inOrder = [...fields.filter((field) => field !== "paused"), "paused"];

/** Specs for which streams were provided. */
const provided: ChatClusterSpec[] = [];
let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  const controlPlane = await runControlPlane({
    beforeControllers: defineChatClusters,
    // What they write is not of this test.
    controllers: ["*", "-deployment-controller", "-statefulset-controller", "-disruption-controller"],
  });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  await runOperator(controlPlane, {
    provideNats: async ({ spec }) => {
      provided.push(spec);
      return settled;
    },
  });
  await clusters.create("demo");
  await clusters.isReconciled("demo");
  // As if the nodes ran: so it is time for streams, whatever the number of nodes becomes.
  const ready = { observedGeneration: 1_000_000, replicas: 5, readyReplicas: 5, updatedReplicas: 5 };
  const name = { namespace: "default", name: "demo-nats" };
  await api.mergePatch(resources.statefulSets, name, { status: ready }, { subresource: "status" });
  await clusters.says("demo", "NATSReady", { status: "True" });
});

/** What people have put in an object, as text. */
function contentOf({ metadata, status: _, ...content }: KubeObject): string {
  const { labels, annotations = {}, ownerReferences } = metadata;
  const { "disroom.io/applied": __, ...others } = annotations;
  return JSON.stringify([content, labels, others, ownerReferences]);
}

function at(object: unknown, path: string): unknown {
  if (path === "text") {
    const data = (object as { data?: Record<string, string> }).data ?? {};
    return Object.values(data)
      .map((value) => Buffer.from(value, "base64").toString())
      .join("\n");
  }
  return path
    .split(".")
    .reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], object);
}

/** A spec with the one field, as in `everyField`. */
function patchOf(path: string): object {
  return path
    .split(".")
    .reduceRight<unknown>((inner, key) => ({ [key]: inner }), at(everyField, path)) as object;
}

test.each(inOrder)("spec.%s", async (field) => {
  const wanted = cases[field];
  if (wanted === undefined) throw new Error("this field has no case here");
  if (wanted === "cannot change") {
    const refusal = await clusters.patch("demo", patchOf(field)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(KubeApiError);
    expect((refusal as KubeApiError).message).toContain("cannot change");
    return;
  }
  const before = await ownedObjects(api, "default", "demo");
  const calls = provided.length;
  await clusters.patch("demo", patchOf(field));
  if (field === "paused") await clusters.says("demo", "Progressing", { reason: "Paused" });
  else await clusters.isReconciled("demo");
  const after = await ownedObjects(api, "default", "demo");

  const expected = typeof wanted === "string" ? {} : wanted;
  const changed = [...after].filter(([name, object]) => {
    const old = before.get(name);
    return old === undefined || contentOf(old) !== contentOf(object);
  });
  expect(changed.map(([name]) => name).toSorted()).toEqual(Object.keys(expected).toSorted());
  // What a change of the spec makes unwanted would have to be deleted, which the operator does not do.
  expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
  for (const [name, values] of Object.entries(expected)) {
    for (const [path, value] of Object.entries(values)) {
      if (path === "text") expect(at(after.get(name), path)).toContain(value);
      else expect(at(after.get(name), path)).toEqual(value);
    }
  }
  // Streams have copies on nodes.
  const concernsStreams = wanted === "streams" || field === "nats.replicas";
  expect(provided.length - calls).toBe(concernsStreams ? 1 : 0);
  if (wanted === "streams") expect(at(provided.at(-1), field)).toEqual(at(everyField, field));
});

test("there is no case of a field that is not there", () => {
  expect(Object.keys(cases).filter((field) => !fields.includes(field))).toEqual([]);
});
