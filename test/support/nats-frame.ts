/** One message of the NATS protocol: its control line, and the payload that some of them have. */
export type NatsFrame = {
  /** `HMSG`, `RMSG`, `PUB`, `INFO`... */
  readonly operation: string;
  /** The words of its control line behind that. A route leaves out the account where it serves only one. */
  readonly args: readonly string[];
  readonly bytes: Buffer;
};

const LF = 10;
const withPayload: ReadonlySet<string> = new Set(["MSG", "HMSG", "RMSG", "LMSG", "PUB", "HPUB"]);

/** Cuts one direction of a connection into frames, however its bytes arrive. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole with this chunk. */
  read(chunk: Buffer): NatsFrame[] {
    const frames: NatsFrame[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let line = data.indexOf(LF) + 1; line > 0; line = data.indexOf(LF) + 1) {
      const [operation = "", ...args] = data.toString("utf8", 0, line).trim().split(/\s+/);
      // The last word is how long payload and headers are; another line end follows them.
      const length = line + (withPayload.has(operation) ? Number(args.at(-1)) + 2 : 0);
      if (data.length < length) break;
      frames.push({ operation, args, bytes: data.subarray(0, length) });
      data = data.subarray(length);
    }
    this.#rest = data;
    return frames;
  }
}
