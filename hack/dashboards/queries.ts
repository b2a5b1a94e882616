import type { Query } from "./grafana.ts";

/** How queries of a dashboard begin: with the labels that its variables choose. */
export function queriesOf(selector: string) {
  const of = (metric: string, more = ""): string => `${metric}{${selector}${more && `,${more}`}}`;
  const rate = (metric: string, by = "", more = ""): string =>
    `sum${by && ` by (${by})`} (rate(${of(metric, more)}[$__rate_interval]))`;
  const quantile = (share: number, histogram: string, by = ""): string =>
    `histogram_quantile(${share}, ${rate(`${histogram}_bucket`, by ? `le, ${by}` : "le")})`;
  return {
    of,
    rate,
    quantile,
    /** Half of what a histogram has counted, nine tenths, and all but one in a hundred. */
    quantiles: (histogram: string): Query[] =>
      [0.5, 0.9, 0.99].map((share) => ({ expr: quantile(share, histogram), legend: `p${share * 100}` })),
    /** What processes need, those with these labels besides: exporters tell of themselves under the same names. */
    processes: (more = "") => [
      {
        title: "CPU",
        description: "Cores that each process uses.",
        unit: "short",
        queries: [{ expr: rate("process_cpu_seconds_total", "pod", more), legend: "{{pod}}" }],
      },
      {
        title: "Memory",
        description: "Memory that each process holds.",
        unit: "bytes",
        queries: [{ expr: `max by (pod) (${of("process_resident_memory_bytes", more)})`, legend: "{{pod}}" }],
      },
      {
        title: "Event loop delay",
        description:
          "How late Node.js comes to what is due, 99th percentile. A process that is always late has no CPU time left.",
        unit: "s",
        queries: [
          { expr: `max by (pod) (${of("nodejs_eventloop_lag_p99_seconds", more)})`, legend: "{{pod}}" },
        ],
      },
    ],
  };
}
