const CR = 13;
const LF = 10;
const NUL = 0;

// RFC 854 and RFC 855.
const SE = 240;
const SB = 250;
const WILL = 251;
const DONT = 254;
const IAC = 255;

type State = "text" | "command" | "option" | "subnegotiation" | "subnegotiation-command";

/**
 * Makes plain text bytes of what a telnet client sends: negotiation is stripped (and never answered),
 * IAC IAC is one byte 255, and the line end CR NUL becomes CR LF. Sequences may be cut anywhere between
 * chunks. Nothing is held back, so a subnegotiation that never ends is skipped without being kept.
 */
export class TelnetStripper {
  #state: State = "text";
  #afterCr = false;

  /** The text bytes of `chunk`, perhaps none; `chunk` itself, unchanged, if there is nothing to strip. */
  strip(chunk: Buffer): Buffer {
    if (this.#state !== "text" || chunk.includes(IAC) || chunk.includes(NUL)) return this.#stripEach(chunk);
    if (chunk.length > 0) this.#afterCr = chunk[chunk.length - 1] === CR;
    return chunk;
  }

  #stripEach(chunk: Buffer): Buffer {
    const kept = Buffer.allocUnsafe(chunk.length);
    let length = 0;
    for (const byte of chunk) {
      if (!this.#isText(byte)) continue;
      kept[length++] = byte === NUL && this.#afterCr ? LF : byte;
      this.#afterCr = byte === CR;
    }
    return kept.subarray(0, length);
  }

  #isText(byte: number): boolean {
    switch (this.#state) {
      case "text":
        if (byte !== IAC) return true;
        this.#state = "command";
        return false;
      case "command":
        this.#state = stateAfterCommand(byte);
        return byte === IAC;
      case "option":
        this.#state = "text";
        return false;
      case "subnegotiation":
        if (byte === IAC) this.#state = "subnegotiation-command";
        return false;
      case "subnegotiation-command":
        this.#state = byte === SE ? "text" : "subnegotiation";
        return false;
    }
  }
}

function stateAfterCommand(command: number): State {
  if (command === SB) return "subnegotiation";
  return command >= WILL && command <= DONT ? "option" : "text";
}
