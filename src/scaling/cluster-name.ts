/** A ChatCluster; one of this machine has no namespace. */
export type ClusterName = { readonly namespace?: string | undefined; readonly name: string };

/** Its labels in metrics. */
export const labelsOf = ({ namespace = "", name }: ClusterName) => ({ namespace, name });
