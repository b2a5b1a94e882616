import type { KubeObject } from "../kube/objects.ts";
import { metadataOf } from "./metadata.ts";
import { nameOf } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** A Secret, from what its keys stand for. */
export function secretOf(
  cluster: StoredChatCluster,
  component: "credentials" | "nats" | "redis",
  contents: Readonly<Record<string, string | Buffer>>,
): KubeObject {
  // Not stringData, which the API server forgets: an apply would find nothing of it to compare with.
  const data = Object.entries(contents).map(([key, content]) => [
    key,
    Buffer.from(content as string).toString("base64"),
  ]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(cluster, nameOf(cluster, component), component),
    type: "Opaque",
    data: Object.fromEntries(data),
  };
}
