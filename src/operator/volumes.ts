import { parseBytes } from "../cluster/quantity.ts";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import type { KubeObject } from "./kube/objects.ts";
import { resources } from "./kube/resource.ts";
import { natsClaim, natsNodes } from "./resources/names.ts";
import type { StoredChatCluster } from "./resources/options.ts";

type Claim = KubeObject & {
  readonly spec: { readonly resources?: { readonly requests?: { storage?: string } } };
};
type ClaimingSpec = { readonly volumeClaimTemplates?: readonly Claim[] };

/** The size that a StatefulSet claims for new volumes. It stays what it was at first: the API server refuses a change. */
export function claimSizeOf(statefulSet: KubeObject | undefined): string | undefined {
  return sizeOf((statefulSet?.spec as ClaimingSpec | undefined)?.volumeClaimTemplates?.[0]);
}

/**
 * Lets the volumes of NATS grow to the size in the spec, where they are smaller; answers the names of those that do.
 * @throws KubeApiError where the storage class does not let them.
 */
export async function growVolumes(
  api: KubeApi,
  cluster: StoredChatCluster,
  statefulSet: KubeObject | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = cluster.spec.nats.storage.size;
  const claimed = claimSizeOf(statefulSet);
  // All volumes were made with the size of the template, or have grown since.
  if (claimed === undefined || isAtLeast(claimed, wanted)) return [];
  const grown: string[] = [];
  for (const node of natsNodes(cluster)) {
    const name = { namespace: cluster.metadata.namespace, name: natsClaim(node) };
    const claim = await api
      .get<Claim>(resources.persistentVolumeClaims, name, { signal })
      .catch(noneIfMissing);
    if (claim === undefined || isAtLeast(sizeOf(claim) ?? "0", wanted)) continue;
    const patch = { spec: { resources: { requests: { storage: wanted } } } };
    await api.mergePatch(resources.persistentVolumeClaims, name, patch, { signal });
    grown.push(name.name);
  }
  return grown;
}

function sizeOf(claim: Claim | undefined): string | undefined {
  return claim?.spec.resources?.requests?.storage;
}

function isAtLeast(size: string, wanted: string): boolean {
  return parseBytes(size) >= parseBytes(wanted);
}

function noneIfMissing(error: unknown): undefined {
  if (error instanceof KubeApiError && error.isNotFound) return undefined;
  throw error;
}
