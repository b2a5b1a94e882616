/**
 * A signal that aborts when the time is up or when another one does. `AbortSignal.any` would do the same, but
 * keeps a reference from a signal that lives as long as the process to every one that was ever made of it.
 */
export class TimeLimit {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  #isUp = false;

  constructor(milliseconds: number, outer?: AbortSignal) {
    this.#outer = outer;
    this.#timer = this.#start(milliseconds);
    if (outer?.aborted) this.#follow();
    else outer?.addEventListener("abort", this.#follow);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time is up, and not the other signal aborted. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Begins again, with another time. */
  restart(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.signal.aborted) this.#timer = this.#start(milliseconds);
  }

  /** To be called when there is nothing to be limited any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#follow);
  }

  #start(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#isUp = true;
      this.#controller.abort(new Error(`took longer than ${milliseconds / 1000} s`));
    }, milliseconds);
  }

  readonly #follow = (): void => {
    this.clear();
    this.#controller.abort(this.#outer?.reason);
  };
}
