/** What the operator says of a ChatCluster: the CRD's status. */
export type ChatClusterStatus = {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly endpoint?: string;
  readonly nats?: Counts;
  readonly redis?: Pick<Counts, "readyReplicas">;
  readonly servers?: Counts & { readonly selector: string };
  readonly workers?: Counts & { readonly desired: number };
};

export type Counts = { readonly replicas: number; readonly readyReplicas: number };

export type ConditionType =
  | "Ready"
  | "NATSReady"
  | "RedisReady"
  | "ServersReady"
  | "WorkersReady"
  | "Progressing"
  | "ReconcileSuccess";

export type Condition = Finding & {
  readonly type: ConditionType;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
};

/** What a condition says. */
export type Finding = {
  readonly status: "True" | "False" | "Unknown";
  /** One word. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
};

/** The conditions that were found; their times are those of the last change of their status. */
export function conditionsOf(
  found: ReadonlyMap<ConditionType, Finding>,
  before: readonly Condition[],
  generation: number,
  now: Date,
): Condition[] {
  return [...found].map(([type, finding]) => {
    const last = before.find((condition) => condition.type === type);
    const lastTransitionTime =
      last?.status === finding.status ? last.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
    return { type, ...finding, observedGeneration: generation, lastTransitionTime };
  });
}
