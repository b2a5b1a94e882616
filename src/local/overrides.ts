import type { ChatCluster } from "../cluster/chat-cluster.ts";
import { streamReplicas } from "../cluster/derived.ts";
import { brokenRules } from "../cluster/rules.ts";
import { UsageError } from "../platform/settings.ts";

/** Flags of `disroom up` that stand above what the ChatCluster says. */
export type Overrides = {
  readonly servers?: number | undefined;
  readonly workers?: number | undefined;
  readonly nats?: number | undefined;
  readonly noSync?: boolean;
  readonly unlimited?: boolean;
};

/** More than any load test opens or lets wait. */
const unlimited = {
  messagesPerSecond: 0,
  maxConnections: 1_000_000,
  sendQueueBytes: 268_435_456,
  joinTimeout: "24h",
};

/** `cluster` with `overrides` applied. Throws UsageError where the two do not go together. */
export function withOverrides(cluster: ChatCluster, overrides: Overrides): ChatCluster {
  const changed = structuredClone(cluster);
  const { spec } = changed;
  if (overrides.nats !== undefined) {
    // Fewer nodes hold fewer copies; more nodes hold as many copies as the file asks for.
    const replicas = Math.min(
      overrides.nats,
      cluster.spec.rooms.replicas ??
        streamReplicas({ ...spec, nats: { ...spec.nats, replicas: overrides.nats } }),
    );
    spec.nats.replicas = overrides.nats;
    spec.rooms.replicas = replicas;
  }
  if (overrides.servers !== undefined) spec.server.replicas = overrides.servers;
  if (overrides.workers !== undefined) {
    spec.workers.minReplicas = overrides.workers;
    spec.workers.maxReplicas = overrides.workers;
  }
  if (overrides.noSync) spec.nats.syncAlways = false;
  if (overrides.unlimited) spec.server.limits = unlimited;
  const [problem] = brokenRules(spec);
  if (problem !== undefined) throw new UsageError(`the flags do not fit the ChatCluster: ${problem}`);
  return changed;
}
