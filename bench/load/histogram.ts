/** Bits of a value that are kept: buckets are 1/64 of their value wide, 1.6 %. */
const precision = 6;
const exact = 1 << (precision + 1);

/** Latencies in buckets as of an HDR histogram, from a microsecond to half an hour: bounded, however many. */
export class Histogram {
  readonly #counts: Float64Array;
  #total = 0;
  #longest = 0;

  constructor(counts?: readonly number[]) {
    this.#counts = new Float64Array((31 - precision + 1) << precision);
    if (counts !== undefined) {
      this.#counts.set(counts);
      this.#total = counts.reduce((sum, count) => sum + count, 0);
    }
  }

  /** Negative ones count as 0. */
  add(milliseconds: number): void {
    const microseconds = Math.max(0, Math.min(2 ** 31 - 1, Math.round(milliseconds * 1000)));
    const index = indexOf(microseconds);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total++;
    if (milliseconds > this.#longest) this.#longest = milliseconds;
  }

  get count(): number {
    return this.#total;
  }

  get longest(): number {
    return this.#longest;
  }

  /** The latency in milliseconds that the fraction `share` (0 to 1) does not exceed; NaN without any. */
  percentile(share: number): number {
    let below = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      below += this.#counts[index] as number;
      if (below > 0 && below >= share * this.#total) return upperEnd(index) / 1000;
    }
    return Number.NaN;
  }
}

function indexOf(microseconds: number): number {
  if (microseconds < exact) return microseconds;
  const shift = 31 - Math.clz32(microseconds) - precision;
  return (shift << precision) + (microseconds >> shift);
}

/** The largest value that falls into a bucket. */
function upperEnd(index: number): number {
  if (index < exact) return index;
  const shift = (index >> precision) - 1;
  const kept = index - (shift << precision);
  return (kept + 1) * 2 ** shift - 1;
}
