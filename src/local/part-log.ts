import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** What a part prints goes to `<file>`; at `maxBytes` that becomes `<file>.old` and a new one begins. */
export class PartLog {
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #tail: string[] = [];
  #descriptor: number | undefined;
  #bytes = 0;

  constructor(file: string, maxBytes = 10 * 1_048_576) {
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  get file(): string {
    return this.#file;
  }

  /** Keeps one line. It is written at once, so that it is there to read when all else has gone wrong. */
  write(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > 20) this.#tail.shift();
    try {
      const descriptor = this.#open();
      this.#bytes += writeSync(descriptor, `${line}\n`);
    } catch {
      // A full disk must not end the chat; the part's own trouble with it is told elsewhere.
      this.close();
    }
  }

  /** The last `count` lines. */
  tail(count = 10): string[] {
    return this.#tail.slice(-count);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    if (this.#descriptor !== undefined && this.#bytes >= this.#maxBytes) {
      this.close();
      if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.old`);
    }
    if (this.#descriptor === undefined) {
      this.#descriptor = openSync(this.#file, "a", 0o600);
      this.#bytes = fstatSync(this.#descriptor).size;
    }
    return this.#descriptor;
  }
}
