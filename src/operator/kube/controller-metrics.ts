import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type ReconcileResult = "success" | "error" | "requeue_after";

export type ControllerMetrics = {
  /** How many keys are worked on at once at most. */
  concurrency(count: number): void;
  began(): void;
  ended(result: ReconcileResult, seconds: number): void;
};

export const unmeasuredController: ControllerMetrics = { concurrency() {}, began() {}, ended() {} };

const buckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300,
];
const results: readonly ReconcileResult[] = ["success", "error", "requeue_after"];

/** The metrics of all controllers of a process, named as controller-runtime names them. */
export function controllerMetrics(registry: Registry): (controller: string) => ControllerMetrics {
  const registers = [registry];
  const labelNames = ["controller"] as const;
  const total = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Reconciles, by what came of them",
    labelNames: ["controller", "result"],
    registers,
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Reconciles that failed",
    labelNames,
    registers,
  });
  const time = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "How long a reconcile takes",
    labelNames,
    buckets,
    registers,
  });
  const active = new Gauge({
    name: "controller_runtime_active_workers",
    help: "Reconciles that are under way",
    labelNames,
    registers,
  });
  const most = new Gauge({
    name: "controller_runtime_max_concurrent_reconciles",
    help: "How many reconciles may be under way at once",
    labelNames,
    registers,
  });
  return (controller) => {
    // A rate can be told from the first failure on only where there was a zero before it.
    for (const result of results) total.inc({ controller, result }, 0);
    errors.inc({ controller }, 0);
    active.set({ controller }, 0);
    return {
      concurrency: (count) => most.set({ controller }, count),
      began: () => active.inc({ controller }),
      ended: (result, seconds) => {
        active.dec({ controller });
        total.inc({ controller, result });
        if (result === "error") errors.inc({ controller });
        time.observe({ controller }, seconds);
      },
    };
  };
}
