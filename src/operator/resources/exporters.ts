import { credentialKeys } from "./credentials.ts";
import { nameOf, ports } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";
import { containerSecurity } from "./pods.ts";

/** What its port is called, and its container, in both pods. */
export const exporterPort = "metrics";

/**
 * What does not grow with the ChatCluster: JetStream by stream, of which there are three, not by consumer, of which every
 * partition has one (what waits in them is the lag, which the operator measures), and nothing by connection.
 */
const natsArguments = [
  `-port=${ports.natsMetrics}`,
  // In seconds: until the node beside it answers.
  "-ri=5",
  // Otherwise all nodes are called http://localhost.
  "-use_internal_server_name",
  "-varz",
  "-healthz",
  "-routez",
  "-jsz=streams",
  `http://localhost:${ports.natsMonitor}`,
];

/** What reads the monitoring port of the node beside it, where it is asked for. */
export function natsExporter(cluster: StoredChatCluster): object[] {
  return exporter(cluster, cluster.spec.nats.exporterImage, ports.natsMetrics, { args: natsArguments });
}

/** What logs in to the Redis beside it, where it is asked for. */
export function redisExporter(cluster: StoredChatCluster): object[] {
  const secretKeyRef = { name: nameOf(cluster, "credentials"), key: credentialKeys.redis };
  return exporter(cluster, cluster.spec.redis.exporterImage, ports.redisMetrics, {
    env: [
      { name: "REDIS_EXPORTER_WEB_LISTEN_ADDRESS", value: `:${ports.redisMetrics}` },
      { name: "REDIS_ADDR", value: `redis://localhost:${ports.redis}` },
      { name: "REDIS_PASSWORD", valueFrom: { secretKeyRef } },
    ],
  });
}

/**
 * An ordinary container after the one that it speaks of. As a native sidecar (an init container that goes on) it would
 * count for the pod's readiness just so, and besides come first: NATS and Redis would not even start without its image.
 * Without probes it counts as ready while it runs, and both exporters run on while there is nobody to ask.
 */
function exporter({ spec }: StoredChatCluster, image: string, port: number, started: object): object[] {
  if (!spec.monitoring.podMonitor) return [];
  return [
    {
      name: exporterPort,
      image,
      ...started,
      ports: [{ name: exporterPort, containerPort: port }],
      // Alike, so that a pod which is Guaranteed stays so.
      resources: { requests: resources, limits: resources },
      securityContext: containerSecurity,
    },
  ];
}

/** Both have taken 18 MiB at most, and 3 ms of a core for a scrape. */
const resources = { cpu: "50m", memory: "64Mi" };
