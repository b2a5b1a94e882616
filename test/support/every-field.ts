import type { ChatClusterSpec, ChatClusterStatus } from "../../src/cluster/chat-cluster.ts";

/** Every field of the types: the compiler refuses one that is missing or too many here. */
type Complete<T> = T extends (infer I)[]
  ? Complete<I>[]
  : T extends object
    ? { [K in keyof T]-?: Complete<NonNullable<T[K]>> }
    : T;

const pod: Complete<ChatClusterSpec["nats"]["pod"]> = {
  labels: { "example.com/team": "chat" },
  annotations: { "example.com/note": "Any text." },
  nodeSelector: { disk: "ssd" },
  tolerations: [
    { key: "dedicated", operator: "Exists", value: "", effect: "NoExecute", tolerationSeconds: 5 },
  ],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  priorityClassName: "high",
};

const resources: Complete<ChatClusterSpec["nats"]["resources"]> = {
  requests: { cpu: 1 },
  limits: { memory: "1Gi" },
};

/** A spec in which every field is another than its default. */
export const everyField: Complete<ChatClusterSpec> = {
  image: "i",
  imagePullSecrets: [{ name: "registry" }],
  paused: true,
  nats: {
    replicas: 5,
    image: "n",
    exporterImage: "ne",
    storage: { size: "20Gi", className: "fast", whenDeleted: "Delete" },
    syncAlways: false,
    resources,
    pod,
  },
  rooms: {
    replicas: 5,
    retention: { maxAge: "24h", maxBytes: "4Gi", maxMessagesPerRoom: 100 },
    compression: true,
  },
  queue: { maxBytes: "500M" },
  redis: { image: "r", exporterImage: "re", resources, pod },
  server: {
    replicas: 3,
    service: {
      type: "LoadBalancer",
      port: 23,
      externalTrafficPolicy: "Local",
      annotations: { a: "b" },
      loadBalancerSourceRanges: ["10.0.0.0/8"],
    },
    limits: { maxConnections: 1, messagesPerSecond: 0, sendQueueBytes: 65_536, joinTimeout: "1h" },
    resources,
    pod,
  },
  workers: {
    partitions: 8,
    minReplicas: 2,
    maxReplicas: 8,
    lag: { targetSeconds: 1, scaleDownDelaySeconds: 0 },
    resources,
    pod,
  },
  monitoring: { podMonitor: true, rules: true, dashboards: true },
};

export const everyStatusField: Complete<ChatClusterStatus> = {
  observedGeneration: 1,
  conditions: [
    {
      type: "Ready",
      status: "True",
      observedGeneration: 1,
      lastTransitionTime: "2026-01-02T10:00:00Z",
      reason: "AllReady",
      message: "people can chat",
    },
  ],
  endpoint: "203.0.113.1:23",
  nats: { replicas: 5, readyReplicas: 4, target: 5, members: 5 },
  redis: { readyReplicas: 1 },
  servers: {
    replicas: 3,
    readyReplicas: 2,
    connections: 1234,
    selector: "app.kubernetes.io/component=server",
  },
  workers: { replicas: 8, readyReplicas: 7, desired: 6, lagBytes: 4096, lagSeconds: 1.5 },
};
