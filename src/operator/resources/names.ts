import { commonSettings } from "../../platform/common-settings.ts";
import { serverSettings } from "../../server/settings.ts";
import type { StoredChatCluster } from "./options.ts";

/** The parts of a ChatCluster that are pods. */
export type Part = "nats" | "redis" | "server" | "worker";

/**
 * The name of an object. Whatever is in front, a ChatCluster's name leaves room for 20 characters more (the CRD limits
 * it), of which Kubernetes takes some for the numbers and hashes of pods.
 */
export function nameOf(
  cluster: StoredChatCluster,
  what: Part | "nats-headless" | "credentials" | "monitoring",
): string {
  return `${cluster.metadata.name}-${what}`;
}

/** Where NATS is for clients in any namespace, without scheme and login. */
export function natsAddress(cluster: StoredChatCluster): string {
  return `${nameOf(cluster, "nats")}.${cluster.metadata.namespace}.svc:${ports.nats}`;
}

/** The names of the NATS nodes, which are those of their pods. */
export function natsNodes(cluster: StoredChatCluster): string[] {
  return Array.from(
    { length: cluster.spec.nats.replicas },
    (_, index) => `${nameOf(cluster, "nats")}-${index}`,
  );
}

/** The claim of a NATS node's volume. */
export const natsClaim = (node: string): string => `${natsVolume}-${node}`;

export const natsVolume = "data";

/** On which pods listen. */
export const ports = {
  chat: serverSettings.port.default,
  /** /metrics, /livez and /readyz of servers and workers. */
  http: commonSettings.httpPort.default,
  nats: 4222,
  natsRoutes: 6222,
  natsMonitor: 8222,
  natsMetrics: 7777,
  /** On loopback alone. */
  natsCompanion: 7422,
  redis: 6379,
  redisMetrics: 9121,
} as const;
