import { Counter, Histogram, type Registry } from "prom-client";
import type { RequestReport } from "./client.ts";

/** Metrics of the requests to the API server, named as client-go names them: for `onRequest` of a KubeApi. */
export function clientMetrics(registry: Registry): (report: RequestReport) => void {
  const total = new Counter({
    name: "rest_client_requests_total",
    help: "Requests to the API server, by status, method and host",
    labelNames: ["code", "method", "host"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "rest_client_request_duration_seconds",
    help: "How long requests to the API server take, by verb and host",
    labelNames: ["verb", "host"],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    registers: [registry],
  });
  return ({ verb, method, host, code, seconds }) => {
    total.inc({ code, method, host });
    durations.observe({ verb, host }, seconds);
  };
}
