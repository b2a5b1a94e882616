import { podLabels, selectorOf } from "./metadata.ts";
import { nameOf, type Part } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

type Fields = Readonly<Record<string, unknown>>;

export type PodPlan = {
  readonly part: Part;
  readonly image: string;
  /** That of config-hash.ts. */
  readonly configHash: Readonly<Record<string, string>>;
  /** How pods are spread over nodes; undefined where there is but one. */
  readonly spread?: Fields;
  /** Whether a pod has something that it would have to leave behind: a volume. */
  readonly staysOnSilentNode: boolean;
  readonly spec: Fields;
};

/** A pod template: what the part needs, what all have in common, and what the ChatCluster asks for besides. */
export function podTemplate(cluster: StoredChatCluster, plan: PodPlan): object {
  const { part, image, configHash, spread, staysOnSilentNode, spec } = plan;
  const { imagePullSecrets } = cluster.spec;
  const { pod } = cluster.spec[part === "worker" ? "workers" : part];
  const tolerations = [...(staysOnSilentNode ? [] : silentNodes), ...(pod.tolerations ?? [])];
  const labelSelector = { matchLabels: selectorOf(cluster, part) };
  const affinity = { ...(spread !== undefined && otherZones(labelSelector)), ...pod.affinity };
  return {
    metadata: {
      // The operator's own come last: what selects pods must not change.
      labels: { ...pod.labels, ...podLabels(cluster, part, image) },
      annotations: { ...pod.annotations, ...configHash },
    },
    spec: {
      // A ChatCluster "disroom" would otherwise put variables such as DISROOM_PORT into its pods, which are settings.
      enableServiceLinks: false,
      serviceAccountName: nameOf(cluster, part),
      ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
      ...(pod.priorityClassName !== undefined && { priorityClassName: pod.priorityClassName }),
      ...(isFilled(pod.nodeSelector) && { nodeSelector: pod.nodeSelector }),
      ...(tolerations.length > 0 && { tolerations }),
      ...(spread !== undefined && {
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: "kubernetes.io/hostname", labelSelector, ...spread },
        ],
      }),
      ...(isFilled(affinity) && { affinity }),
      ...spec,
    },
  };
}

/**
 * Half a minute after Kubernetes has noticed that their node is silent, pods are replaced, not the usual five. If it
 * comes back, what still runs there is stopped.
 */
const silentNodes = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 30,
}));

/** As a second spread constraint, zones would switch off that of nodes wherever nodes have no zone. */
function otherZones(labelSelector: Fields): Fields {
  const podAffinityTerm = { topologyKey: "topology.kubernetes.io/zone", labelSelector };
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }],
    },
  };
}

const isFilled = (fields: object | undefined): boolean =>
  fields !== undefined && Object.keys(fields).length > 0;
