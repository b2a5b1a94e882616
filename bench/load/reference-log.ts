/**
 * What one member of a room has received, as the others are to receive it too: bytes, and per message its end
 * and its sender. Only the reference member's bytes are parsed; the others' are compared with them, which
 * checks every delivery at the cost of a memcmp.
 */
export class ReferenceLog {
  readonly #chunks: { readonly start: number; readonly bytes: Buffer }[] = [];
  /** Offset behind the last byte. */
  end = 0;
  /** Per message: the offset behind it, and the number of its sender. */
  readonly ends: number[] = [];
  readonly senders: number[] = [];

  append(bytes: Buffer): void {
    this.#chunks.push({ start: this.end, bytes });
    this.end += bytes.length;
  }

  addMessage(end: number, sender: number): void {
    this.ends.push(end);
    this.senders.push(sender);
  }

  /** Whether `bytes` are what stands at `offset`; `offset + bytes.length` must not pass `end`. */
  matches(bytes: Buffer, offset: number): boolean {
    let position = 0;
    for (let index = this.#indexOf(offset); position < bytes.length; index++) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) return false;
      const from = offset + position - chunk.start;
      const length = Math.min(chunk.bytes.length - from, bytes.length - position);
      if (bytes.compare(chunk.bytes, from, from + length, position, position + length) !== 0) return false;
      position += length;
    }
    return true;
  }

  /** The bytes from `start` to `end`, for a report of what differs. */
  slice(start: number, end: number): Buffer {
    const parts: Buffer[] = [];
    for (let index = this.#indexOf(start); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index];
      if (chunk === undefined || chunk.start >= end) break;
      parts.push(chunk.bytes.subarray(Math.max(0, start - chunk.start), end - chunk.start));
    }
    return Buffer.concat(parts);
  }

  /** Forgets the bytes before `offset`, which every member has. */
  forget(offset: number): void {
    while (this.#chunks.length > 1 && (this.#chunks[1]?.start ?? 0) <= offset) this.#chunks.shift();
  }

  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.start ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
