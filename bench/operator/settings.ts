import { operatorSettings } from "../../src/operator/settings.ts";
import { flag, integer, text, type ValuesOf } from "../../src/platform/settings.ts";

/** Services with a load balancer take a port of every node, of which Kubernetes has 2,768. */
const mostClusters = 2700;

/** Everything that can be set on `make bench-operator`. */
export const operatorBenchSettings = {
  clusters: integer(1000, "ChatClusters", { min: 1, max: mostClusters }),
  changes: integer(300, "changes whose way is timed, half of them of a spec, half deleted objects", {
    min: 2,
  }),
  changesPerSecond: integer(1, "how many of them a second", { min: 1 }),
  steadySeconds: integer(120, "how long it is watched while nothing changes", { min: 1 }),
  requestsPerSecond: operatorSettings.requestsPerSecond,
  concurrency: operatorSettings.concurrency,
  results: text(
    "",
    "folder of the results; bench/results/operator for a whole run, bench/results/partial/operator for another",
  ),
  help: flag("show this"),
};

export type OperatorBenchSettings = ValuesOf<typeof operatorBenchSettings>;
