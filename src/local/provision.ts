import { setTimeout as delay } from "node:timers/promises";
import type { ChatClusterSpec } from "../cluster/chat-cluster.ts";
import { isTemporary, PartitionMismatch, type Provisioned, provisionStreams } from "../cluster/provision.ts";
import { createLog } from "../platform/log.ts";
import { closing, connectNats } from "../platform/nats.ts";
import { UsageError } from "../platform/settings.ts";

const limitMilliseconds = 60_000;

/**
 * Makes the streams and consumers, trying again while NATS nodes are still finding each other. Throws
 * UsageError where they are refused for good, and what `signal` aborts with.
 */
export async function provision(
  url: string,
  spec: ChatClusterSpec,
  signal: AbortSignal,
): Promise<Provisioned> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMilliseconds)]);
  const connection = await connectNats(url, "disroom up", createLog("up", "silent"), { signal: limit });
  return closing(connection, signal, async () => {
    const all: Provisioned = { created: [], updated: [] };
    for (;;) {
      try {
        const { created, updated, growing } = await provisionStreams(connection, spec);
        all.created.push(...created);
        all.updated.push(...updated);
        // A big stream gets its copies while people chat.
        if (growing === undefined || limit.aborted) return all;
      } catch (error) {
        signal.throwIfAborted();
        if (!isTemporary(error) || limit.aborted) throw explained(error as Error);
      }
      await delay(100);
    }
  });
}

function explained(error: Error): UsageError {
  const message =
    error instanceof PartitionMismatch
      ? error.message
      : `NATS refuses the streams of this ChatCluster: ${error.message}`;
  return new UsageError(message, { cause: error });
}
