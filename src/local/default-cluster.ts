import type { ChatCluster } from "../cluster/chat-cluster.ts";
import { checkChatCluster } from "../cluster/spec.ts";

/** What `disroom up` runs when it is given no file: one of each part, with sizes for a laptop. */
export function defaultChatCluster(): ChatCluster {
  return checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "local" },
    spec: {
      nats: { replicas: 1, storage: { size: "4Gi" } },
      rooms: { retention: { maxBytes: "2Gi" } },
      queue: { maxBytes: "256Mi" },
      server: { replicas: 1 },
      // Few cores: more partitions would make smaller batches, not more work at once.
      workers: { partitions: 4 },
    },
  });
}
