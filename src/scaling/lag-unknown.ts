/** Why a lag cannot be told; the message is for people to read. */
export class LagUnknown extends Error {
  readonly reason: "NATSUnreachable" | "QueueSilent" | "ServersSilent";

  constructor(reason: LagUnknown["reason"], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
