import type { KubeObject } from "../kube/objects.ts";
import { credentialsSecret } from "./credentials.ts";
import { natsObjects } from "./nats.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { redisObjects } from "./redis.ts";
import { serverObjects } from "./server.ts";
import { workerObjects } from "./worker.ts";

/**
 * All objects of a ChatCluster, in the order in which they are applied. They hold nothing that the API server fills in
 * by itself, and the same input gives the same bytes: an object that is right already is not written again.
 */
export function objectsOf(cluster: StoredChatCluster, options: ResourceOptions): KubeObject[] {
  return [
    credentialsSecret(cluster, options.credentials),
    ...natsObjects(cluster, options),
    ...redisObjects(cluster, options),
    ...workerObjects(cluster, options),
    ...serverObjects(cluster, options),
  ];
}
