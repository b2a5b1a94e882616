import type { KubeObject } from "../kube/objects.ts";
import { metadataOf } from "./metadata.ts";
import { nameOf } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** A Secret of texts. */
export function secretOf(
  cluster: StoredChatCluster,
  component: "credentials" | "nats" | "redis",
  texts: Readonly<Record<string, string>>,
): KubeObject {
  // Not stringData, which the API server forgets: an apply would find nothing of it to compare with.
  const data = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(cluster, nameOf(cluster, component), component),
    type: "Opaque",
    data: Object.fromEntries(data),
  };
}
