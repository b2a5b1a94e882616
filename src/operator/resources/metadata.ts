import type { ObjectMeta, OwnerReference } from "../kube/objects.ts";
import type { Part } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

type Labels = Readonly<Record<string, string>>;

/** The label that says which part of a ChatCluster an object belongs to. */
export const componentLabel = "app.kubernetes.io/component";
/** The label that says to which ChatCluster of its namespace an object belongs. */
export const instanceLabel = "app.kubernetes.io/instance";
const nameLabel = "app.kubernetes.io/name";

/** Selects what belongs to any ChatCluster. */
export const ofAnyCluster = `${nameLabel}=disroom`;

/** Labels of all objects of a ChatCluster, and of nothing else in its namespace. */
function clusterLabels(cluster: StoredChatCluster): Labels {
  return { [nameLabel]: "disroom", [instanceLabel]: cluster.metadata.name };
}

/** What selects the pods of a part. It can never change: the API server refuses that. */
export function selectorOf(cluster: StoredChatCluster, part: Part): Labels {
  return { ...clusterLabels(cluster), [componentLabel]: part };
}

/** The same as text, for the ChatCluster's scale subresource. */
export function selectorText(cluster: StoredChatCluster, part: Part): string {
  return Object.entries(selectorOf(cluster, part))
    .map((label) => label.join("="))
    .join(",");
}

/** Labels of a part's pods. The operator's own version is not among them: a new operator restarts nothing. */
export function podLabels(cluster: StoredChatCluster, part: Part, image: string): Labels {
  return { ...selectorOf(cluster, part), ...constantLabels, ...versionLabel(image) };
}

/** Metadata of an object: whose it is, and that it goes when the ChatCluster goes. */
export function metadataOf(
  cluster: StoredChatCluster,
  name: string,
  component: Part | "credentials" | "monitoring",
  image?: string,
): ObjectMeta {
  return {
    name,
    namespace: cluster.metadata.namespace,
    labels: {
      ...clusterLabels(cluster),
      [componentLabel]: component,
      ...constantLabels,
      ...(image !== undefined && versionLabel(image)),
    },
    ownerReferences: [ownerReference(cluster)],
  };
}

const constantLabels: Labels = {
  "app.kubernetes.io/part-of": "disroom",
  "app.kubernetes.io/managed-by": "disroom-operator",
};

function ownerReference({ apiVersion, kind, metadata: { name, uid } }: StoredChatCluster): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The image's tag, where it has one that may be a label. */
function versionLabel(image: string): Labels {
  const tag = /:([\w.-]+)(@|$)/.exec(image.slice(image.lastIndexOf("/") + 1))?.[1] ?? "";
  return /^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/.test(tag) ? { "app.kubernetes.io/version": tag } : {};
}
