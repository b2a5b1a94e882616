import type { Credentials } from "../../cluster/credentials.ts";
import { type Companion, companionConfig, type NatsCluster, natsConfig } from "../../cluster/nats-config.ts";
import { parseBytes } from "../../cluster/quantity.ts";
import { natsUsers } from "./credentials.ts";
import { nameOf, natsNodes, ports } from "./names.ts";
import {
  founderName,
  founderPeers,
  joinerPeers,
  nodeNameVariable,
  startFiles,
  startScript,
} from "./nats-start.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";

export const folders = { config: "/etc/nats", store: "/data" } as const;

/** What a node reads when it starts, by file. */
export function natsFiles(
  cluster: StoredChatCluster,
  options: ResourceOptions,
): Readonly<Record<string, string | Buffer>> {
  const nodes = natsNodes(cluster);
  return {
    [startFiles.config]: config(cluster, options, nodes),
    [startFiles.companion]: companionConfig(companion(options.credentials)),
    [startFiles.script]: startScript(folders),
    [startFiles.nodes]: nodes.map((node) => `${node}\n`).join(""),
    [startFiles.joinerPeers]: joinerPeers,
    ...(options.mayFound && {
      [startFiles.founderName]: founderName(cluster),
      [startFiles.founderPeers]: founderPeers(cluster),
    }),
  };
}

/**
 * What a node must be restarted for when it changes: not the list of nodes. New nodes call all others, and tell them of
 * each other. Nor what matters to an empty volume alone.
 */
export function lastingConfig(cluster: StoredChatCluster, options: ResourceOptions): string[] {
  return [
    config(cluster, options, []),
    companionConfig(companion(options.credentials)),
    startScript(folders),
  ];
}

function config(cluster: StoredChatCluster, options: ResourceOptions, nodes: readonly string[]): string {
  const { storage, syncAlways } = cluster.spec.nats;
  const { credentials, volumeBytes = parseBytes(storage.size) } = options;
  return natsConfig({
    name: { variable: nodeNameVariable },
    host: "0.0.0.0",
    port: ports.nats,
    monitorPort: ports.natsMonitor,
    login: { user: natsUsers.clients, password: credentials.nats },
    systemLogin: { user: natsUsers.system, password: credentials.natsSystem },
    storeFolder: folders.store,
    storageBytes: volumeBytes,
    syncAlways,
    cluster: routes(cluster, credentials, nodes),
    companion: companion(credentials),
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

/** It bears the login of the nodes among themselves: it is part of one. */
function companion({ natsRoutes }: Credentials): Companion {
  return { port: ports.natsCompanion, login: { user: natsUsers.routes, password: natsRoutes } };
}
