import type { Msg, NatsConnection } from "@nats-io/transport-node";

/** A batch of ChatIngress in a worker's hands, until it acks it or gives it back. */
export type Delivery = {
  readonly message: Msg;
  readonly partition: number;
  /** Its sequence in ChatIngress. */
  readonly sequence: number;
  /** When it entered ChatIngress, in milliseconds, by that stream's clock. */
  readonly ingressTime: number;
  /** It was handed out before: to a worker that died, stalled or gave it back. */
  readonly redelivered: boolean;
  ack(): void;
  /** Gives it back, to be handed out again at once. */
  nak(): void;
  /** Starts ack_wait anew. */
  working(): void;
};

/** Works on a batch: `done` when nothing is left to do, `return` when it is to be handed out again. */
export type DeliveryHandler = (delivery: Delivery) => Promise<"done" | "return">;

/**
 * The delivery that a message from a pull is; undefined for a status message. Its reply subject tells:
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`
 * (ADR-15 of NATS).
 */
export function deliveryOf(
  message: Msg,
  partition: number,
  connection: NatsConnection,
): Delivery | undefined {
  const reply = message.reply;
  if (!reply?.startsWith("$JS.ACK.")) return undefined;
  const tokens = reply.split(".");
  const first = tokens.length > 9 ? 6 : 4;
  const respond = (word: string): void => connection.publish(reply, word);
  return {
    message,
    partition,
    redelivered: Number(tokens[first]) > 1,
    sequence: Number(tokens[first + 1]),
    ingressTime: Math.floor(Number(tokens[first + 3]) / 1_000_000),
    ack: () => respond("+ACK"),
    nak: () => respond("-NAK"),
    working: () => respond("+WPI"),
  };
}
