import { parseDuration } from "../platform/settings.ts";
import type { ChatClusterSpec } from "./chat-cluster.ts";
import { parseBytes } from "./quantity.ts";

/**
 * What the schema's field-by-field limits cannot say. The ChatCluster CRD holds the same rules in CEL with
 * the same words (a test compares them), so `kubectl apply` and `disroom up` refuse the same objects.
 */
type Rule = {
  /** The field that is at fault. */
  readonly field: string;
  readonly message: string;
  readonly holds: (spec: ChatClusterSpec) => boolean;
};

/** What dead letters and the Raft logs of NATS take next to the two streams. */
const reservedBytes = parseBytes("256Mi");

export const rules: readonly Rule[] = [
  {
    field: "spec.nats.replicas",
    message: "must be 1, 3 or 5, since an even number of nodes survives no more failures than one node fewer",
    holds: ({ nats }) => nats.replicas % 2 === 1,
  },
  {
    field: "spec.rooms.replicas",
    message: "must be at most spec.nats.replicas, since every copy of a stream needs a NATS node of its own",
    holds: ({ rooms, nats }) => rooms.replicas === undefined || rooms.replicas <= nats.replicas,
  },
  {
    field: "spec.workers.minReplicas",
    message:
      "must be at most spec.workers.partitions, since a partition is worked on by one worker at a time",
    holds: ({ workers }) => workers.minReplicas <= workers.partitions,
  },
  {
    field: "spec.workers.maxReplicas",
    message:
      "must be at most spec.workers.partitions, since a partition is worked on by one worker at a time",
    holds: ({ workers }) => workers.maxReplicas === undefined || workers.maxReplicas <= workers.partitions,
  },
  {
    field: "spec.workers.maxReplicas",
    message: "must be at least spec.workers.minReplicas",
    holds: ({ workers }) => workers.maxReplicas === undefined || workers.minReplicas <= workers.maxReplicas,
  },
  {
    field: "spec.rooms.retention.maxAge",
    message:
      "must be at least 1h, since messages that were sent twice are recognised by those of the last hour",
    holds: ({ rooms }) => (parseDuration(rooms.retention.maxAge) ?? 0) >= 3_600_000,
  },
  {
    field: "spec.rooms.retention.maxBytes",
    message:
      "must be at least twice spec.queue.maxBytes, so that a full queue cannot push out what it has just stored",
    holds: ({ rooms, queue }) => parseBytes(rooms.retention.maxBytes) >= 2 * parseBytes(queue.maxBytes),
  },
  {
    field: "spec.nats.storage.size",
    message:
      "must be at least spec.rooms.retention.maxBytes + spec.queue.maxBytes + 256Mi (dead letters and the logs of NATS)",
    holds: ({ nats, rooms, queue }) =>
      parseBytes(nats.storage.size) >=
      parseBytes(rooms.retention.maxBytes) + parseBytes(queue.maxBytes) + reservedBytes,
  },
  {
    field: "spec.server.service.loadBalancerSourceRanges",
    message: "must be empty unless the type is LoadBalancer; elsewhere nothing would enforce it",
    holds: ({ server: { service } }) =>
      service.loadBalancerSourceRanges.length === 0 || service.type === "LoadBalancer",
  },
  {
    field: "spec.server.service.externalTrafficPolicy",
    message:
      "must be Cluster unless the type is NodePort or LoadBalancer; nothing comes from outside elsewhere",
    holds: ({ server: { service } }) =>
      service.externalTrafficPolicy === "Cluster" || service.type !== "ClusterIP",
  },
  ...(["nats", "redis", "server", "workers"] as const).flatMap((part) =>
    (["labels", "annotations"] as const).map((field) => ({
      field: `spec.${part}.pod.${field}`,
      message:
        "must have no keys that begin with disroom.io/ or app.kubernetes.io/, since the operator sets those",
      holds: (spec: ChatClusterSpec) => !Object.keys(spec[part].pod[field] ?? {}).some(isOperatorsKey),
    })),
  ),
];

function isOperatorsKey(key: string): boolean {
  return key.startsWith("disroom.io/") || key.startsWith("app.kubernetes.io/");
}

/** The rules that `spec` breaks, each as `<field>: <what it must be>`. */
export function brokenRules(spec: ChatClusterSpec): string[] {
  return rules.filter((rule) => !rule.holds(spec)).map(({ field, message }) => `${field}: ${message}`);
}
