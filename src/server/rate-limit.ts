/** Tokens that come at a steady rate, up to `burst` of them; a line takes one. */
export class RateLimit {
  readonly #perMillisecond: number;
  readonly #burst: number;
  #tokens: number;
  #updated: number;

  /** `perSecond` 0 means no limit. `now` is in milliseconds, here and below, of a clock that never jumps. */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perMillisecond = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#updated = now;
  }

  /** Takes a token; 0 when there was one, else the milliseconds until there is. */
  take(now: number): number {
    if (this.#perMillisecond === 0) return 0;
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#updated) * this.#perMillisecond);
    this.#updated = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) / this.#perMillisecond);
  }
}
