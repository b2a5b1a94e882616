import { isDeepStrictEqual } from "node:util";
import type { ChatClusterSpec } from "../cluster/chat-cluster.ts";
import { checkChatCluster } from "../cluster/spec.ts";

/** Fields that mean something on Kubernetes only: `disroom up` has no images, pods or Services. */
export const kubernetesFields: readonly string[] = [
  "image",
  "imagePullSecrets",
  "paused",
  "nats.image",
  "nats.exporterImage",
  "nats.storage.className",
  "nats.storage.whenDeleted",
  "nats.resources",
  "nats.pod",
  "redis.image",
  "redis.exporterImage",
  "redis.resources",
  "redis.pod",
  "server.service",
  "server.resources",
  "server.pod",
  "workers.resources",
  "workers.pod",
  "monitoring",
];

/** Those of them that `spec` sets to something else than their default, for a person to read. */
export function withoutEffect(spec: ChatClusterSpec): string[] {
  const defaults = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "defaults" },
    spec: {},
  }).spec;
  return kubernetesFields
    .filter((path) => !isDeepStrictEqual(fieldOf(spec, path), fieldOf(defaults, path)))
    .map((path) => `spec.${path}`);
}

function fieldOf(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], object);
}
