/** Specs that break one rule of the CRD each, with the field that is at fault. */
export const brokenSpecs: readonly (readonly [spec: object, field: string])[] = [
  [{ nats: { replicas: 2 } }, "spec.nats.replicas"],
  [{ nats: { replicas: 3 }, rooms: { replicas: 4 } }, "spec.rooms.replicas"],
  [{ workers: { minReplicas: 17 } }, "spec.workers.minReplicas"],
  [{ workers: { maxReplicas: 17 } }, "spec.workers.maxReplicas"],
  [{ workers: { minReplicas: 5, maxReplicas: 4 } }, "spec.workers.maxReplicas"],
  [{ rooms: { retention: { maxAge: "59m" } } }, "spec.rooms.retention.maxAge"],
  [{ rooms: { retention: { maxBytes: "2047Mi" } } }, "spec.rooms.retention.maxBytes"],
  [
    { queue: { maxBytes: "1501M" }, rooms: { retention: { maxBytes: "3G" } } },
    "spec.rooms.retention.maxBytes",
  ],
  [{ rooms: { retention: { maxBytes: "9Gi" } } }, "spec.nats.storage.size"],
  [
    { server: { service: { type: "NodePort", loadBalancerSourceRanges: ["10.0.0.0/8"] } } },
    "spec.server.service.loadBalancerSourceRanges",
  ],
  [{ server: { service: { externalTrafficPolicy: "Local" } } }, "spec.server.service.externalTrafficPolicy"],
  ...["nats", "redis", "server", "workers"].flatMap((part): [object, string][] => [
    [{ [part]: { pod: { labels: { "app.kubernetes.io/name": "x" } } } }, `spec.${part}.pod.labels`],
    [{ [part]: { pod: { annotations: { "disroom.io/x": "x" } } } }, `spec.${part}.pod.annotations`],
  ]),
];
