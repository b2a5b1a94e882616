import type { ObjectName } from "./objects.ts";

/** Where the API server serves the objects of a kind. */
export type Resource = {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

function inNamespaces(group: string, version: string, kind: string, plural: string): Resource {
  return { group, version, kind, plural, namespaced: true };
}

/** The kinds that an operator of this project meets. */
export const resources = {
  configMaps: inNamespaces("", "v1", "ConfigMap", "configmaps"),
  events: inNamespaces("", "v1", "Event", "events"),
  persistentVolumeClaims: inNamespaces("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  pods: inNamespaces("", "v1", "Pod", "pods"),
  secrets: inNamespaces("", "v1", "Secret", "secrets"),
  serviceAccounts: inNamespaces("", "v1", "ServiceAccount", "serviceaccounts"),
  services: inNamespaces("", "v1", "Service", "services"),
  namespaces: { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
  deployments: inNamespaces("apps", "v1", "Deployment", "deployments"),
  statefulSets: inNamespaces("apps", "v1", "StatefulSet", "statefulsets"),
  horizontalPodAutoscalers: inNamespaces(
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
  ),
  jobs: inNamespaces("batch", "v1", "Job", "jobs"),
  leases: inNamespaces("coordination.k8s.io", "v1", "Lease", "leases"),
  chatClusters: inNamespaces("disroom.io", "v1alpha1", "ChatCluster", "chatclusters"),
  podMonitors: inNamespaces("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"),
  prometheusRules: inNamespaces("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules"),
  networkPolicies: inNamespaces("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
  podDisruptionBudgets: inNamespaces("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
} as const satisfies Record<string, Resource>;

type GroupVersion = Pick<Resource, "group" | "version">;

/** What objects of the resource say in their field apiVersion. */
export function apiVersionOf({ group, version }: GroupVersion): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The path of all kinds of a version of a group. */
export function versionPath(of: GroupVersion): string {
  return `${of.group === "" ? "/api" : "/apis"}/${apiVersionOf(of)}`;
}

/** The path of all objects of a kind: those of one namespace, or of the whole cluster. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const place =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${versionPath(resource)}${place}/${resource.plural}`;
}

export function objectPath(
  resource: Resource,
  { namespace, name }: ObjectName,
  subresource?: string,
): string {
  if (resource.namespaced && namespace === undefined) {
    throw new Error(`the ${resource.kind} ${name} is given without its namespace`);
  }
  const below = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${below}`;
}
