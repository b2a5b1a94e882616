import { Gauge, type Registry } from "prom-client";

export type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

/** A gauge that is asked for all its series at every scrape, so that none outlives what it speaks of. */
export function sampledGauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  samples: () => Iterable<Sample>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const { labels, value } of samples()) gauge.set(labels, value);
    },
  });
}
