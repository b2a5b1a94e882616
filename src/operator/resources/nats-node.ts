import type { Credentials } from "../../cluster/credentials.ts";
import { type NatsCluster, natsConfig } from "../../cluster/nats-config.ts";
import { parseBytes } from "../../cluster/quantity.ts";
import { natsUsers } from "./credentials.ts";
import { nameOf, natsNodes, ports } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** A node's name is its pod's. */
export const nodeName = { variable: "POD_NAME" } as const;

export const storeFolder = "/data";

/** The configuration that all nodes share. */
export function natsConfigOf(cluster: StoredChatCluster, credentials: Credentials): string {
  return config(cluster, credentials, natsNodes(cluster));
}

/**
 * What a node must be restarted for when it changes: all but the list of nodes. New nodes call all others, and tell them
 * of each other. Nodes that were taken away stay on the others' lists until those restart, which costs a vain look-up a
 * second.
 */
export function configWithoutNodes(cluster: StoredChatCluster, credentials: Credentials): string {
  return config(cluster, credentials, []);
}

function config(cluster: StoredChatCluster, credentials: Credentials, nodes: readonly string[]): string {
  const { storage, syncAlways, replicas } = cluster.spec.nats;
  return natsConfig({
    name: nodeName,
    host: "0.0.0.0",
    port: ports.nats,
    monitorPort: ports.natsMonitor,
    login: { user: natsUsers.clients, password: credentials.nats },
    storeFolder,
    storageBytes: parseBytes(storage.size),
    syncAlways,
    ...(replicas > 1 && { cluster: routes(cluster, credentials, nodes) }),
  });
}

function routes(cluster: StoredChatCluster, credentials: Credentials, nodes: readonly string[]): NatsCluster {
  return {
    name: cluster.metadata.name,
    port: ports.natsRoutes,
    login: { user: natsUsers.routes, password: credentials.natsRoutes },
    nodes: nodes.map((node) => `${node}.${nameOf(cluster, "nats-headless")}:${ports.natsRoutes}`),
  };
}
