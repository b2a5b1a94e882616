import { duration, flag, integer, oneOf, text } from "../platform/settings.ts";

/** Everything that can be set on the operator. */
export const operatorSettings = {
  namespaces: text("", "namespaces whose ChatClusters it looks after, separated by commas; empty for all"),
  image: text("", "image of chat servers and queue workers where a ChatCluster names none"),
  concurrency: integer(8, "ChatClusters that are worked on at once", { min: 1, max: 100 }),
  leaderElection: flag("of several operators only one acts: the one that holds the Lease"),
  leaseNamespace: text("", "namespace of the Lease; empty for that of the pod"),
  leaseName: text("disroom-operator", "name of the Lease"),
  requestsPerSecond: integer(100, "requests to the API server per second, with bursts of twice as many", {
    min: 1,
  }),
  httpHost: text("127.0.0.1", "address of the HTTP port"),
  httpPort: integer(8081, "port of /metrics, /livez and /readyz; 0 takes a free one", { max: 65535 }),
  shutdownGrace: duration(10_000, "how long a stop may take before the process exits with code 1"),
  logLevel: oneOf(["debug", "info", "warn", "error"], "info", "what is logged"),
};
