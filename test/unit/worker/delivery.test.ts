import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { deliveryOf } from "../../../src/worker/delivery.ts";

/** The delivery of a message with this reply subject, and what it publishes. */
function take(reply: string | undefined) {
  const published: [string, string][] = [];
  const connection = {
    publish: (subject: string, word: string) => published.push([subject, word]),
  } as unknown as NatsConnection;
  const message = { subject: "room.global_messages.3", reply } as Msg;
  return { message, published, delivery: deliveryOf(message, 3, connection) };
}

const forms: [string, (delivered: number) => string][] = [
  [
    "without a domain",
    (delivered) => `$JS.ACK.ChatIngress.message-processor-3.${delivered}.1234.56.1767348000123999999.7`,
  ],
  [
    "with a domain and an account",
    (delivered) =>
      `$JS.ACK.hub.ACCHASH.ChatIngress.message-processor-3.${delivered}.1234.56.1767348000123999999.7`,
  ],
  [
    "with a domain, an account and a token at the end",
    (delivered) =>
      `$JS.ACK._.ACCHASH.ChatIngress.message-processor-3.${delivered}.1234.56.1767348000123999999.7.token`,
  ],
];

describe.each(forms)("an ack subject %s", (_, subject) => {
  it("tells where the batch stood, and when it came", () => {
    const { message, delivery } = take(subject(1));
    expect(delivery).toMatchObject({ message, partition: 3, sequence: 1234, redelivered: false });
    // Nanoseconds are more than a number holds: the last millisecond may be rounded up.
    expect(delivery?.ingressTime).toBeGreaterThanOrEqual(1_767_348_000_123);
    expect(delivery?.ingressTime).toBeLessThanOrEqual(1_767_348_000_124);
    expect(Number.isInteger(delivery?.ingressTime)).toBe(true);
  });

  it.each([
    [1, false],
    [2, true],
    [11, true],
  ])("tells of the delivery no. %i whether it is a redelivery", (delivered, redelivered) => {
    expect(take(subject(delivered)).delivery?.redelivered).toBe(redelivered);
  });

  it("is where the answers go", () => {
    const { published, delivery } = take(subject(1));
    delivery?.working();
    delivery?.nak();
    delivery?.ack();
    expect(published).toEqual([
      [subject(1), "+WPI"],
      [subject(1), "-NAK"],
      [subject(1), "+ACK"],
    ]);
  });
});

it.each([undefined, "", "_INBOX.abc.1", "$JS.API.CONSUMER.MSG.NEXT.x"])(
  "a message with the reply subject %j is a status",
  (reply) => {
    expect(take(reply).delivery).toBeUndefined();
  },
);
