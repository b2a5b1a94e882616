import type { ChatCluster } from "../../cluster/chat-cluster.ts";
import type { Credentials } from "../../cluster/credentials.ts";

/** A ChatCluster as the API server keeps it, with its defaults filled in. */
export type StoredChatCluster = ChatCluster & {
  metadata: { namespace: string; uid: string; generation?: number };
};

/** What a ChatCluster does not say of its objects. */
export type ResourceOptions = {
  /** Image of chat servers and queue workers where the ChatCluster names none. */
  readonly image: string;
  /** Queue workers that are to run. */
  readonly workers: number;
  readonly credentials: Credentials;
  /**
   * The size in the claim template of the StatefulSet that exists, where it is another than in the spec: the API server
   * refuses a change of that template. Volumes grow by their claims.
   */
  readonly claimSize?: string;
  /** Bytes of the smallest volume of NATS, where it has not the size of the spec yet. */
  readonly volumeBytes?: number;
  /** Whether the first NATS node, where its volume is empty, may found a cluster: not where there is one already. */
  readonly mayFound: boolean;
  /** Where the operator runs; undefined where it does not know. */
  readonly operatorNamespace?: string;
};

/** A peer of a NetworkPolicy. */
export type Peer = {
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
};

export type LabelSelector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
};
