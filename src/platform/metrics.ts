import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Bucket limits in seconds for what takes from a fraction of a millisecond to the ten seconds of a send. */
export const latencyBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Makes metrics in one registry; every name begins with `disroom_`. */
export class Metrics {
  readonly registry = new Registry();

  constructor(role: string) {
    this.registry.setDefaultLabels({ role });
    collectDefaultMetrics({ register: this.registry });
  }

  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name: `disroom_${name}`, help, labelNames, registers: [this.registry] });
  }

  /** A counter for what happens hundreds of thousands of times a second: add to `count`. */
  tally(name: string, help: string): { count: number } {
    const tally = { count: 0 };
    const counter = new Counter({
      name: `disroom_${name}`,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        counter.inc(tally.count);
      },
    });
    return tally;
  }

  /** `collect`, where given, is asked for the value at every scrape. */
  gauge(name: string, help: string, collect?: () => number): Gauge {
    const gauge: Gauge = new Gauge({
      name: `disroom_${name}`,
      help,
      registers: [this.registry],
      ...(collect === undefined ? {} : { collect: () => gauge.set(collect()) }),
    });
    return gauge;
  }

  histogram(name: string, help: string, buckets: readonly number[] = latencyBuckets): Histogram {
    return new Histogram({
      name: `disroom_${name}`,
      help,
      buckets: [...buckets],
      registers: [this.registry],
    });
  }
}
