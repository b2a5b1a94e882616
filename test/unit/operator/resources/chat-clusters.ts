import { checkChatCluster } from "../../../../src/cluster/spec.ts";
import type { ResourceOptions, StoredChatCluster } from "../../../../src/operator/resources/options.ts";

/** As the API server would have stored it: with defaults and a uid. */
export function stored(name: string, spec: object): StoredChatCluster {
  const cluster = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name, namespace: "chat", uid: "6b1c3a52-0a54-4c2e-9d3a-1f0d4a1f7c11" },
    spec,
  });
  return cluster as StoredChatCluster;
}

export const minimal = stored("demo", {});

/** Every field that shows in the objects has another value than its default. */
export const full = stored("big", {
  imagePullSecrets: [{ name: "registry" }],
  image:
    "registry.example/team/disroom:0.2.0@sha256:0f5b3fdc1a3b0b0f3f6f0a3ab1d0e0c7a0d1e2f30415263748596a7b8c9d0e1f",
  nats: {
    replicas: 5,
    image: "nats:2.15.2-alpine",
    exporterImage: "registry.example/nats-exporter:0.20.1",
    storage: { size: "50Gi", className: "fast", whenDeleted: "Delete" },
    pod: { nodeSelector: { disk: "ssd" }, priorityClassName: "system-node-critical" },
    syncAlways: false,
    resources: { requests: { cpu: 1, memory: "1Gi" }, limits: { cpu: "1500m", memory: "2Gi" } },
  },
  rooms: { replicas: 3, retention: { maxAge: "24h", maxBytes: "40Gi", maxMessagesPerRoom: 500 } },
  queue: { maxBytes: "2Gi" },
  redis: {
    image: "redis:7.0.15-bookworm",
    exporterImage: "registry.example/redis_exporter:v1.45.0",
    pod: { annotations: { "example.com/scan": "no" } },
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "256Mi" } },
  },
  server: {
    replicas: 4,
    service: {
      type: "LoadBalancer",
      port: 2323,
      externalTrafficPolicy: "Local",
      annotations: { "example.com/load-balancer": "internal" },
      loadBalancerSourceRanges: ["203.0.113.0/24", "2001:db8::/32"],
    },
    pod: {
      labels: { team: "chat" },
      tolerations: [{ key: "dedicated", value: "chat", effect: "NoSchedule" }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "chat", operator: "Exists" }] }],
          },
        },
      },
    },
    limits: { maxConnections: 500, messagesPerSecond: 0, sendQueueBytes: 65536, joinTimeout: "5m" },
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "512Mi" } },
  },
  workers: {
    partitions: 32,
    pod: { affinity: { podAntiAffinity: {} } },
    minReplicas: 2,
    maxReplicas: 8,
    resources: { requests: { cpu: "250m", memory: "128Mi" } },
  },
  monitoring: { podMonitor: true },
});

export const options: ResourceOptions = {
  image: "ghcr.io/disroom/disroom:0.1.0",
  workers: 1,
  mayFound: true,
  credentials: {
    nats: "nats-secret",
    natsRoutes: "routes-secret",
    natsSystem: "system-secret",
    redis: "redis-secret",
  },
};

export const fullOptions: ResourceOptions = {
  ...options,
  workers: 3,
  mayFound: false,
  operatorNamespace: "disroom-system",
};
