import type { KubeObject } from "../kube/objects.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, type Part } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/**
 * How many pods of a part a drain may take at a time. `allowUnready`: pods that are not ready may go in any case, so
 * that they do not keep a node from being drained.
 */
export function disruptionBudget(
  cluster: StoredChatCluster,
  part: Part,
  maxUnavailable: number | string,
  { allowUnready }: { readonly allowUnready: boolean },
): KubeObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadataOf(cluster, nameOf(cluster, part), part),
    spec: {
      maxUnavailable,
      selector: { matchLabels: selectorOf(cluster, part) },
      ...(allowUnready && { unhealthyPodEvictionPolicy: "AlwaysAllow" }),
    },
  };
}
