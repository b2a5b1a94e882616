import type { KubeApi } from "./kube/api.ts";
import type { KubeObject } from "./kube/objects.ts";
import { resources } from "./kube/resource.ts";
import { natsNodes } from "./resources/names.ts";
import { startFiles } from "./resources/nats-start.ts";
import type { StoredChatCluster } from "./resources/options.ts";
import { claimsOf, isGoing } from "./volumes.ts";

/** Those of these objects that belong to an earlier ChatCluster of the same name: they are about to go with it. */
export function earlierOf(
  { metadata: { uid } }: StoredChatCluster,
  objects: readonly (KubeObject | undefined)[],
): KubeObject[] {
  const isEarlier = ({ metadata: { ownerReferences = [] } }: KubeObject): boolean =>
    ownerReferences.some(
      ({ kind, controller, uid: owner }) =>
        kind === resources.chatClusters.kind && controller && owner !== uid,
    );
  return objects.filter((object) => object !== undefined && isEarlier(object)) as KubeObject[];
}

/** What is known of a ChatCluster's NATS. */
export type KnownNats = {
  /** Nodes that have a vote, as far as there ever were any. */
  readonly members: number | undefined;
  /** The Secret with its configuration. */
  readonly secret: KubeObject | undefined;
  readonly statefulSet: KubeObject | undefined;
};

export type Founding = {
  readonly mayFound: boolean;
  /** Volumes of an earlier ChatCluster that are about to go: only then it can be told. */
  readonly going: readonly KubeObject[];
};

/**
 * Whether the first NATS node may found a cluster where its volume is empty. One that is alone may always: nobody has
 * what it lost. Otherwise only where there was none yet; a second cluster beside the first would split the messages.
 */
export async function foundingOf(
  api: KubeApi,
  cluster: StoredChatCluster,
  { members, secret, statefulSet }: KnownNats,
  signal: AbortSignal,
): Promise<Founding> {
  if (cluster.spec.nats.replicas === 1) return { mayFound: true, going: [] };
  if (members !== undefined) return { mayFound: false, going: [] };
  if (startFiles.founderName in ((secret?.data ?? {}) as object)) return { mayFound: true, going: [] };
  const claims = await claimsOf(api, cluster, natsNodes(cluster).slice(1), signal);
  // Those that stay are of an earlier ChatCluster of this name, and know their cluster.
  return { mayFound: claims.length === 0, going: claims.filter((claim) => isGoing(claim, statefulSet)) };
}
