import type { Credentials } from "../cluster/credentials.ts";
import { isTemporary, PartitionMismatch, type Provisioned, provisionStreams } from "../cluster/provision.ts";
import { createLog } from "../platform/log.ts";
import { closing, connectNats } from "../platform/nats.ts";
import { natsUsers } from "./resources/credentials.ts";
import { natsAddress } from "./resources/names.ts";
import type { StoredChatCluster } from "./resources/options.ts";

/** Why streams are not as they should be. */
export class StreamsError extends Error {
  readonly reason: "NATSUnreachable" | "NATSBusy" | "PartitionMismatch" | "StreamsRefused";

  constructor(reason: StreamsError["reason"], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** How long it may take to reach NATS, in milliseconds. */
const connectLimit = 5000;

/**
 * Makes the streams and consumers of a ChatCluster, or changes those that differ, by the JetStream API.
 * @throws StreamsError
 */
export async function provideStreams(
  cluster: StoredChatCluster,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Provisioned> {
  const address = natsAddress(cluster);
  const url = `nats://${natsUsers.clients}:${credentials.nats}@${address}`;
  const connection = await connectNats(url, "disroom operator", createLog("operator", "silent"), {
    signal: AbortSignal.any([signal, AbortSignal.timeout(connectLimit)]),
  }).catch((error: Error) => {
    throw new StreamsError(
      "NATSUnreachable",
      `NATS cannot be reached at ${address}: ${error.message}`,
      error,
    );
  });
  return closing(connection, signal, async () => {
    try {
      return await provisionStreams(connection, cluster.spec);
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof PartitionMismatch) throw new StreamsError("PartitionMismatch", message, error);
      if (isTemporary(error))
        throw new StreamsError("NATSBusy", `NATS does not answer yet: ${message}`, error);
      throw new StreamsError("StreamsRefused", `NATS refuses the streams: ${message}`, error);
    }
  });
}
