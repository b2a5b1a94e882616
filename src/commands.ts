import { upSettings } from "./local/settings.ts";
import { operatorSettings } from "./operator/settings.ts";
import { serverSettings } from "./server/settings.ts";
import { workerSettings } from "./worker/settings.ts";

/** The commands as `--help` describes them. */
export const commands = {
  up: { description: "a whole ChatCluster on this machine, as plain processes", settings: upSettings },
  server: { description: "a chat server, which people connect to", settings: serverSettings },
  worker: { description: "a queue worker, which stores messages in their rooms", settings: workerSettings },
  operator: {
    description: "looks after the ChatClusters of a Kubernetes cluster",
    settings: operatorSettings,
  },
};
