import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { consumerName, ingressStream } from "../chat/subjects.ts";

/** What a pull asks of a consumer, as in ADR-13 of NATS; times in milliseconds. */
export type Pull = {
  /** How long it waits for a batch; for ever if it is not given. */
  readonly expires?: number;
  /** Answer at once that the partition is empty. What is only not to be had right now is waited for even so. */
  readonly noWait?: boolean;
  /** A batch that is larger stays where it is, and is told of. */
  readonly maxBytes?: number;
};

/** Asks a partition's consumer for one batch. The answer goes to the subject `<inbox>.<partition>`. */
export function sendPull(
  connection: NatsConnection,
  partition: number,
  inbox: string,
  { expires, noWait, maxBytes }: Pull,
): void {
  connection.publish(
    `$JS.API.CONSUMER.MSG.NEXT.${ingressStream}.${consumerName(partition)}`,
    JSON.stringify({
      batch: 1,
      ...(expires !== undefined && { expires: expires * 1_000_000 }),
      ...(noWait && { no_wait: true }),
      ...(maxBytes !== undefined && { max_bytes: maxBytes }),
    }),
    { reply: `${inbox}.${partition}` },
  );
}

/** The partition that answers. A batch comes under its own subject, a status under the inbox: both end in it. */
export function answeringPartition({ subject }: Msg): number {
  return Number(subject.slice(subject.lastIndexOf(".") + 1));
}
