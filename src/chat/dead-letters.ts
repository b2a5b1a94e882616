import { type MsgHdrs, type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { deadLetterSubject, headers } from "./subjects.ts";

/** A message that was set aside, with where it stood, so that a person can look at it and put it back. */
export type DeadLetter = {
  readonly origin: "queue" | "rooms";
  readonly subject: string;
  readonly sequence: number;
  readonly reason: string;
  readonly headers: MsgHdrs | undefined;
  readonly payload: Uint8Array;
};

/**
 * Stores a copy in the dead-letter stream. Rejects when the stream did not confirm it. Several processes may
 * set the same message aside: it is stored once.
 */
export async function setAside(connection: NatsConnection, letter: DeadLetter): Promise<void> {
  const all = newHeaders();
  for (const name of letter.headers?.keys() ?? []) {
    // Headers that JetStream would act on, such as an expected sequence, are of no use here.
    if (name.startsWith("Nats-")) continue;
    for (const value of letter.headers?.values(name) ?? []) all.append(name, value);
  }
  all.set(headers.reason, letter.reason);
  all.set("Disroom-Subject", letter.subject);
  all.set("Disroom-Sequence", String(letter.sequence));
  all.set("Nats-Msg-Id", `${letter.subject}:${letter.sequence}`);
  const answer = await connection.request(deadLetterSubject(letter.origin), letter.payload, {
    headers: all,
    timeout: 2000,
  });
  const { error } = answer.json<{ error?: { description: string } }>();
  if (error !== undefined) throw new Error(`the dead-letter stream refused a message: ${error.description}`);
}
