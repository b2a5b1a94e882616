// Made from crds/chatclusters.disroom.io.yaml by `npm run generate`: change it there.

/** A chat service that people reach with nc - chat servers, queue workers, NATS and Redis. */
export type ChatCluster = {
  apiVersion: "disroom.io/v1alpha1";
  kind: "ChatCluster";
  metadata: { name: string; namespace?: string };
  spec: ChatClusterSpec;
  status?: ChatClusterStatus;
};

/** What the cluster should be. */
export type ChatClusterSpec = {
  /** Image of chat servers and queue workers. Default - the operator's own image. */
  image?: string;
  /** Secrets in this namespace with the credentials for the registries of all images, as in a Pod. */
  imagePullSecrets: ImagePullSecret[];
  /** Leave the cluster as it is - the operator changes nothing until this is false again. */
  paused: boolean;
  /** The NATS JetStream servers that keep the messages. */
  nats: {
    /**
     * NATS nodes - 1, 3 or 5. Three go on while one is down. They can become more while people chat, but not
     * fewer.
     */
    replicas: number;
    /** Image of the NATS servers, 2.14 or newer, with a shell (-alpine). */
    image: string;
    /**
     * Image of the NATS exporter for Prometheus, which stands beside each NATS server while
     * spec.monitoring.podMonitor is true.
     */
    exporterImage: string;
    /** The volume of each NATS node. */
    storage: {
      /** Size of the volume. It can grow (where the storage class allows it), never shrink. */
      size: string;
      /** Storage class of the volumes. Default - the cluster's default class. It cannot change later. */
      className?: string;
      /**
       * What becomes of the volumes when the ChatCluster is deleted. Retain - they stay, and a ChatCluster of
       * the same name finds its messages again. Delete - they go, and all messages with them.
       */
      whenDeleted: "Retain" | "Delete";
    };
    /**
     * Write every message through to the disk before it counts as stored. Without it a power failure may lose
     * the messages of the last two minutes.
     */
    syncAlways: boolean;
    /** Requests and limits of the container, as in a Pod. */
    resources: {
      /** What the container is guaranteed. */
      requests?: Record<string, string | number>;
      /** What the container must not exceed. */
      limits?: Record<string, string | number>;
    };
    /** What the pods are to have besides what the operator gives them. */
    pod: Pod;
  };
  /** The room log, stream ChatRooms. */
  rooms: {
    /**
     * Copies of every stream, each on a NATS node of its own. Default - 3, or 1 where there is one NATS node.
     */
    replicas?: number;
    /** How long messages are kept. Whichever limit is reached first removes the oldest. */
    retention: {
      /** How old a message may become, 1h or more. */
      maxAge: string;
      /** How big all rooms together may become on a NATS node. */
      maxBytes: string;
      /**
       * How many entries a room may have. An entry holds one message or, in a busy room, several that came
       * together.
       */
      maxMessagesPerRoom: number;
    };
    /** Compress the room log on disk (s2). Reading an old history takes about six times as long. */
    compression: boolean;
  };
  /** The work queue of accepted messages, stream ChatIngress. */
  queue: {
    /** How much may wait to be stored. A full queue refuses messages and says so, it forgets none. */
    maxBytes: string;
  };
  /** The Redis server that knows who is in which room. It keeps nothing that servers cannot rebuild. */
  redis: {
    /** Image of the Redis server, 6 or newer. */
    image: string;
    /**
     * Image of the Redis exporter for Prometheus, which stands beside Redis while spec.monitoring.podMonitor
     * is true.
     */
    exporterImage: string;
    /** Requests and limits of the container, as in a Pod. */
    resources: {
      /** What the container is guaranteed. */
      requests?: Record<string, string | number>;
      /** What the container must not exceed. */
      limits?: Record<string, string | number>;
    };
    /** What the pods are to have besides what the operator gives them. */
    pod: Pod;
  };
  /** The chat servers that people connect to. */
  server: {
    /**
     * Chat servers. `kubectl scale chat` sets it. A room remembers what it has from the 256 servers that it
     * heard of last, so that there must not be many more of them at a time.
     */
    replicas: number;
    /** The Service of the chat port. */
    service: {
      /**
       * How the port is reached - ClusterIP from inside the Kubernetes cluster only, NodePort on every node,
       * LoadBalancer from outside.
       */
      type: "ClusterIP" | "NodePort" | "LoadBalancer";
      /** The chat port. */
      port: number;
      /**
       * Which servers a node passes people from outside on to. Cluster - all. Local - those on the node
       * itself, which saves a step and keeps people's own addresses; a node without a server lets nobody in.
       */
      externalTrafficPolicy: "Cluster" | "Local";
      /** Annotations of the Service, for load balancers that are set up by them. */
      annotations: Record<string, string>;
      /** Addresses that may connect, as CIDR blocks. Empty - all. */
      loadBalancerSourceRanges: string[];
    };
    /** What one chat server allows. */
    limits: {
      /** Connections at once per server. One more is refused with a reason. */
      maxConnections: number;
      /** Messages per second and connection. A faster sender is read more slowly. 0 - no limit. */
      messagesPerSecond: number;
      /** Unread bytes after which a member that does not read is closed. */
      sendQueueBytes: number;
      /** How long a connection may stay without joining a room. */
      joinTimeout: string;
    };
    /** Requests and limits of the container, as in a Pod. */
    resources: {
      /** What the container is guaranteed. */
      requests?: Record<string, string | number>;
      /** What the container must not exceed. */
      limits?: Record<string, string | number>;
    };
    /** What the pods are to have besides what the operator gives them. */
    pod: Pod;
  };
  /** The queue workers that store messages in their rooms. */
  workers: {
    /**
     * Parts of the queue. Each is worked on by one worker at a time, which keeps every room in order, so this
     * is also the most workers that can be of use. It cannot change later.
     */
    partitions: number;
    /** Workers that always run. */
    minReplicas: number;
    /** Workers at most, however much waits. Default - as many as there are partitions. */
    maxReplicas?: number;
    /** When workers are added and taken away. */
    lag: {
      /** Age of the oldest waiting message that the number of workers is chosen for. */
      targetSeconds: number;
      /** How long fewer workers must have been enough before one is taken away. */
      scaleDownDelaySeconds: number;
    };
    /** Requests and limits of the container, as in a Pod. */
    resources: {
      /** What the container is guaranteed. */
      requests?: Record<string, string | number>;
      /** What the container must not exceed. */
      limits?: Record<string, string | number>;
    };
    /** What the pods are to have besides what the operator gives them. */
    pod: Pod;
  };
  /** Objects for the Prometheus operator and Grafana. Each needs its own operator or sidecar. */
  monitoring: {
    /**
     * Make a PodMonitor, so that Prometheus reads the metrics of all parts, and give NATS and Redis an
     * exporter each. A change replaces the pods of NATS, one after the other, and that of Redis.
     */
    podMonitor: boolean;
    /** Make a PrometheusRule with alerts. */
    rules: boolean;
    /** Make a ConfigMap with Grafana dashboards. */
    dashboards: boolean;
  };
};

/** What the cluster is, as the operator last saw it. */
export type ChatClusterStatus = {
  /** Generation of the spec that this status speaks of. */
  observedGeneration?: number;
  /**
   * Ready (people can chat), NATSReady, RedisReady, ServersReady, WorkersReady, LagUnknown (what waits to be
   * stored could not be measured), Progressing (a change is under way) and ReconcileSuccess (the operator
   * could do what the spec asks).
   */
  conditions?: Condition[];
  /** Where people connect, host:port. */
  endpoint?: string;
  /** The NATS nodes. */
  nats?: {
    /** Nodes that exist. */
    replicas?: number;
    /** Nodes that are ready. */
    readyReplicas?: number;
    /** Nodes that NATS was told to have. It becomes more, never fewer. */
    target?: number;
    /** Nodes that have a vote on the streams. More than half of them have to be up. */
    members?: number;
  };
  /** The Redis server. */
  redis?: {
    /** Servers that are ready, 1 or 0. */
    readyReplicas?: number;
  };
  /** The chat servers. */
  servers?: {
    /** Servers that exist. */
    replicas?: number;
    /** Servers that are ready. */
    readyReplicas?: number;
    /** People's connections to all servers. Not there while they cannot be counted. */
    connections?: number;
    /** Label selector of the servers' pods, for the scale subresource. */
    selector?: string;
  };
  /** The queue workers and what waits for them. */
  workers?: {
    /** Workers that exist. */
    replicas?: number;
    /** Workers that are ready. */
    readyReplicas?: number;
    /** Workers that the lag asks for. */
    desired?: number;
    /** Bytes that wait to be stored. Not there while it cannot be measured. */
    lagBytes?: number;
    /** Age of the oldest message that waits, in seconds. Not there while it cannot be measured. */
    lagSeconds?: number;
  };
};

/** A Secret, by its name. */
export type ImagePullSecret = {
  /** Name of the Secret. */
  name: string;
};

/** What the pods are to have besides what the operator gives them. */
export type Pod = {
  /** Labels of the pods. */
  labels?: Record<string, string>;
  /** Annotations of the pods. */
  annotations?: Record<string, string>;
  /** Labels that a node must have to run the pods. */
  nodeSelector?: Record<string, string>;
  /** Taints of nodes that the pods put up with, besides those that the operator names. */
  tolerations?: Toleration[];
  /**
   * Which nodes and which neighbours the pods prefer or need, as in a Pod. nodeAffinity, podAffinity and
   * podAntiAffinity each stand in place of what the operator would say, which is to prefer a zone without a
   * pod of the same part. Besides that it spreads the pods over nodes.
   */
  affinity?: Record<string, unknown>;
  /** Priority class of the pods. Default - the cluster's default class. */
  priorityClassName?: string;
};

/** A taint, or several alike. */
export type Toleration = {
  /** Key of the taint. Without it, and with the operator Exists - any taint. */
  key?: string;
  /** Equal - the taint has this value. Exists - it may have any. */
  operator: "Equal" | "Exists";
  /** Value of the taint, for the operator Equal. */
  value?: string;
  /** Effect of the taint. Without it - any. */
  effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  /** How long pods stay where a taint with the effect NoExecute comes up. Without it - for good. */
  tolerationSeconds?: number;
};

/** One thing that holds or does not. */
export type Condition = {
  /** Name of the condition. */
  type: string;
  /** Whether it holds. */
  status: "True" | "False" | "Unknown";
  /** Generation of the spec that this condition speaks of. */
  observedGeneration?: number;
  /** When the status last changed. */
  lastTransitionTime: string;
  /** Why, in one word. */
  reason: string;
  /** Why, for a person to read. */
  message: string;
};
