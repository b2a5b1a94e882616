/** Kubernetes' container resources. */
export type Resources = {
  requests?: Record<string, string | number>;
  limits?: Record<string, string | number>;
};

/** Sizes are texts such as `10Gi`, durations such as `720h`; what each field means stands in the CRD. */
export type ChatClusterSpec = {
  image?: string;
  paused: boolean;
  nats: {
    replicas: number;
    image: string;
    storage: { size: string; className?: string };
    syncAlways: boolean;
    resources: Resources;
  };
  rooms: {
    replicas?: number;
    retention: { maxAge: string; maxBytes: string; maxMessagesPerRoom: number };
    compression: boolean;
  };
  queue: { maxBytes: string };
  redis: { image: string; resources: Resources };
  server: {
    replicas: number;
    service: {
      type: "ClusterIP" | "NodePort" | "LoadBalancer";
      port: number;
      annotations: Record<string, string>;
      loadBalancerSourceRanges: string[];
    };
    limits: {
      maxConnections: number;
      messagesPerSecond: number;
      sendQueueBytes: number;
      joinTimeout: string;
    };
    resources: Resources;
  };
  workers: {
    partitions: number;
    minReplicas: number;
    maxReplicas?: number;
    lag: { targetSeconds: number; scaleDownDelaySeconds: number };
    resources: Resources;
  };
  monitoring: { podMonitor: boolean; rules: boolean; dashboards: boolean };
};

export type ChatCluster = {
  apiVersion: "disroom.io/v1alpha1";
  kind: "ChatCluster";
  metadata: { name: string; namespace?: string };
  spec: ChatClusterSpec;
};

/** Copies of each stream: what the spec says, else three where there are three nodes to hold them. */
export const streamReplicas = ({ rooms, nats }: ChatClusterSpec): number =>
  rooms.replicas ?? Math.min(nats.replicas, 3);

/** The most workers that may run: what the spec says, else one for each partition. */
export const maxWorkers = ({ workers }: ChatClusterSpec): number => workers.maxReplicas ?? workers.partitions;
