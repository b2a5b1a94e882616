import type { KubeObject } from "../kube/objects.ts";
import { metadataOf } from "./metadata.ts";
import { nameOf, type Part } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** The ServiceAccount of a part. No part talks to the API server, so none gets a token. */
export function serviceAccount(cluster: StoredChatCluster, part: Part): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadataOf(cluster, nameOf(cluster, part), part),
    automountServiceAccountToken: false,
  };
}
