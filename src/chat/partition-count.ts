import type { JetStreamManager } from "@nats-io/jetstream";
import type { Log } from "../platform/log.ts";
import { UsageError } from "../platform/settings.ts";
import { ingressStream, partitionsMetadata } from "./subjects.ts";

const retryDelay = 250;

/**
 * Waits until ChatIngress is there, and makes sure that it was made for this many partitions: with another
 * count, a room's messages would go through two partitions at once and lose their order.
 * Throws UsageError when the counts differ, and what `signal` was aborted with.
 */
export async function agreeOnPartitions(
  jetstream: JetStreamManager,
  partitions: number,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (let warned = false; ; warned = true) {
    signal.throwIfAborted();
    try {
      const { config } = await jetstream.streams.info(ingressStream);
      const agreed = config.metadata?.[partitionsMetadata];
      if (agreed === String(partitions)) return;
      throw new UsageError(
        `stream ${ingressStream} was made for ${agreed ?? "an unknown number of"} partitions, not for ${partitions}: ` +
          "start with that --partitions, or with new streams",
      );
    } catch (error) {
      if (error instanceof UsageError) throw error;
      if (!warned) log.warn({ err: error }, `stream ${ingressStream} is not there yet, waiting for it`);
      await new Promise((resolve) => setTimeout(resolve, retryDelay));
    }
  }
}
