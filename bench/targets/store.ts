import { checkChatCluster } from "../../src/cluster/spec.ts";
import { startLocalCluster } from "../../src/local/cluster.ts";
import { builtRole } from "./built-role.ts";
import { removeFolder, tempFolder } from "./temp-folder.ts";

export type Store = {
  readonly natsUrl: string;
  readonly natsPid: number;
  stop(): Promise<void>;
};

/** A cluster's NATS with its streams and consumers, but nobody else at work on them. */
export async function startStore(syncAlways: boolean): Promise<Store> {
  const dataFolder = tempFolder();
  const cluster = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "bench" },
    spec: {
      nats: { replicas: 1, storage: { size: "8Gi" }, syncAlways },
      rooms: { retention: { maxBytes: "2Gi" } },
      queue: { maxBytes: "1Gi" },
      server: { replicas: 1 },
    },
  });
  try {
    const running = await startLocalCluster({ cluster, dataFolder, port: 0, roleCommand: builtRole });
    await Promise.all([running.stopServer(1), running.stopWorker(1)]);
    return {
      natsUrl: running.natsUrl,
      natsPid: running.parts("nats")[0]?.pid ?? 0,
      async stop() {
        await running.stop();
        removeFolder(dataFolder);
      },
    };
  } catch (error) {
    removeFolder(dataFolder);
    throw error;
  }
}
