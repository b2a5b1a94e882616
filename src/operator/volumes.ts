import { parseBytes } from "../cluster/quantity.ts";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import type { KubeObject } from "./kube/objects.ts";
import { resources } from "./kube/resource.ts";
import { natsClaim, natsNodes } from "./resources/names.ts";
import { startFiles } from "./resources/nats-start.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { parseQuantity } from "./resources/quantity.ts";

type Storage = { readonly storage?: string };
type Claim = KubeObject & {
  readonly spec: { readonly resources?: { readonly requests?: Storage } };
  readonly status?: { readonly capacity?: Storage };
};
type ClaimingSpec = { readonly volumeClaimTemplates?: readonly Claim[] };

/** The size that a StatefulSet claims for new volumes. It stays what it was at first: the API server refuses a change. */
export function claimSizeOf(statefulSet: KubeObject | undefined): string | undefined {
  return sizeOf((statefulSet?.spec as ClaimingSpec | undefined)?.volumeClaimTemplates?.[0]);
}

/** Those claims of NATS nodes that exist, where they may be smaller than in the spec. */
export async function smallClaims(
  api: KubeApi,
  cluster: StoredChatCluster,
  statefulSet: KubeObject | undefined,
  signal: AbortSignal,
): Promise<Claim[]> {
  const claimed = claimSizeOf(statefulSet);
  // All volumes have the size of the template, or have grown since. Those that were there before it may have less.
  if (claimed !== undefined && isAtLeast(claimed, cluster.spec.nats.storage.size)) return [];
  const claims = await claimsOf(api, cluster, natsNodes(cluster), signal);
  return claims.filter((claim) => !isGoing(claim, statefulSet));
}

/** Whether a claim is about to go, as one of an earlier StatefulSet does that owns it. */
export function isGoing({ metadata }: Claim, statefulSet: KubeObject | undefined): boolean {
  const { deletionTimestamp, ownerReferences = [] } = metadata;
  return (
    deletionTimestamp !== undefined ||
    ownerReferences.some(({ kind, uid }) => kind === "StatefulSet" && uid !== statefulSet?.metadata.uid)
  );
}

/** The claims of these NATS nodes' volumes, of those that have one. */
export async function claimsOf(
  api: KubeApi,
  cluster: StoredChatCluster,
  nodes: readonly string[],
  signal: AbortSignal,
): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const node of nodes) {
    const claim = await claimOf(api, cluster, node, signal);
    if (claim !== undefined) claims.push(claim);
  }
  return claims;
}

async function claimOf(
  api: KubeApi,
  { metadata }: StoredChatCluster,
  node: string,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  const name = { namespace: metadata.namespace, name: natsClaim(node) };
  try {
    return await api.get<Claim>(resources.persistentVolumeClaims, name, { signal });
  } catch (error) {
    if (error instanceof KubeApiError && error.isNotFound) return undefined;
    throw error;
  }
}

/** Bytes of the smallest of these volumes, where it has not the size of the spec yet. */
export function smallestVolume(claims: readonly Claim[], { spec }: StoredChatCluster): number | undefined {
  const sizes = claims.map(
    ({ status }) => parseQuantity(status?.capacity?.storage ?? "") ?? Number.POSITIVE_INFINITY,
  );
  const smallest = Math.floor(Math.min(...sizes));
  return smallest < parseBytes(spec.nats.storage.size) ? smallest : undefined;
}

/** Bytes that NATS nodes may fill by the Secret with their configuration; undefined where there is none. */
export function configuredBytes(natsSecret: KubeObject | undefined): number | undefined {
  const { [startFiles.config]: config = "" } = (natsSecret?.data ?? {}) as Readonly<Record<string, string>>;
  const bytes = /^\s*max_file_store: (\d+)$/m.exec(Buffer.from(config, "base64").toString())?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}

/**
 * Lets volumes grow to the size in the spec, where they are smaller; answers the names of those that do.
 * @throws KubeApiError where the storage class does not let them.
 */
export async function growVolumes(
  api: KubeApi,
  cluster: StoredChatCluster,
  claims: readonly Claim[],
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = cluster.spec.nats.storage.size;
  const grown: string[] = [];
  for (const claim of claims) {
    if (isAtLeast(sizeOf(claim) ?? "0", wanted)) continue;
    const { namespace, name } = claim.metadata;
    const patch = { spec: { resources: { requests: { storage: wanted } } } };
    await api.mergePatch(resources.persistentVolumeClaims, { namespace, name }, patch, { signal });
    grown.push(name);
  }
  return grown;
}

function sizeOf(claim: Claim | undefined): string | undefined {
  return claim?.spec.resources?.requests?.storage;
}

/** `size` may be one that Kubernetes or somebody else has written: 1Pi, or the 11059540787200m of 10.3Gi. */
function isAtLeast(size: string, wanted: string): boolean {
  return (parseQuantity(size) ?? 0) >= parseBytes(wanted);
}
