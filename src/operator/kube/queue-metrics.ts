import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What a queue says about itself. */
export type Observed = { readonly depth: number; readonly takenAt: readonly number[] };

/** What a queue tells its metrics. */
export type QueueMetrics = {
  /** Whom to ask at every scrape. */
  observe(queue: Observed): void;
  added(): void;
  retried(): void;
  /** Seconds from adding a key to handing it out. */
  waited(seconds: number): void;
  /** Seconds from handing it out until it was done. */
  worked(seconds: number): void;
};

export const unmeasuredQueue: QueueMetrics = {
  observe() {},
  added() {},
  retried() {},
  waited() {},
  worked() {},
};

/** As controller-runtime has them, so that its dashboards and alerts fit: from 10 ns to 1,000 s. */
const buckets = Array.from({ length: 12 }, (_, power) => 1e-8 * 10 ** power);

/**
 * The metrics of all queues of a process. Their names are those of every other operator, without this project's
 * prefix: they mean the same.
 */
export function queueMetrics(registry: Registry): (name: string) => QueueMetrics {
  const queues = new Map<string, Observed>();
  const registers = [registry];
  const labelNames = ["name"] as const;
  const gauge = (name: string, help: string, read: (queue: Observed) => number): void => {
    const metric: Gauge<"name"> = new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        for (const [queue, observed] of queues) metric.set({ name: queue }, read(observed));
      },
    });
  };
  const ages = ({ takenAt }: Observed): number[] => takenAt.map((at) => (performance.now() - at) / 1000);
  gauge("workqueue_depth", "Keys that wait to be worked on", ({ depth }) => depth);
  gauge(
    "workqueue_unfinished_work_seconds",
    "Seconds that all keys at work have taken so far, in sum",
    (queue) => ages(queue).reduce((sum, age) => sum + age, 0),
  );
  gauge(
    "workqueue_longest_running_processor_seconds",
    "Seconds that the key that has been at work for longest has taken so far",
    (queue) => Math.max(0, ...ages(queue)),
  );
  const adds = new Counter({ name: "workqueue_adds_total", help: "Keys added", labelNames, registers });
  const retries = new Counter({
    name: "workqueue_retries_total",
    help: "Keys added again since they failed",
    labelNames,
    registers,
  });
  const waits = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "How long keys wait in the queue",
    labelNames,
    buckets,
    registers,
  });
  const works = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "How long keys are worked on",
    labelNames,
    buckets,
    registers,
  });
  return (name) => {
    adds.inc({ name }, 0);
    retries.inc({ name }, 0);
    return {
      observe: (queue) => queues.set(name, queue),
      added: () => adds.inc({ name }),
      retried: () => retries.inc({ name }),
      waited: (seconds) => waits.observe({ name }, seconds),
      worked: (seconds) => works.observe({ name }, seconds),
    };
  };
}
