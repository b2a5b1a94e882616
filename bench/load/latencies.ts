/** Latencies in a histogram of 2 % steps from a microsecond to a hundred seconds: bounded, however many. */
export class Latencies {
  readonly #counts = new Float64Array(1000);
  #total = 0;
  static readonly #step = Math.log(1.02);

  /** `milliseconds` >= 0. */
  add(milliseconds: number): void {
    const index = Math.log(Math.max(1, milliseconds * 1000)) / Latencies.#step;
    const bounded = Math.min(999, Math.floor(index));
    this.#counts[bounded] = (this.#counts[bounded] ?? 0) + 1;
    this.#total++;
  }

  get count(): number {
    return this.#total;
  }

  /** The latency in milliseconds that the fraction `share` (0 to 1) does not exceed; NaN without any. */
  percentile(share: number): number {
    let below = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      below += this.#counts[index] ?? 0;
      if (below > 0 && below >= share * this.#total) return Math.exp((index + 1) * Latencies.#step) / 1000;
    }
    return Number.NaN;
  }
}
