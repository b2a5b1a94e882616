import type { Metrics } from "../../platform/metrics.ts";

/** The metrics of presence. `reachable` and `open` are asked at every scrape. */
export function presenceMetrics(metrics: Metrics, reachable: () => boolean, open: () => number) {
  metrics.gauge("presence_redis_up", "1 while presence is recorded in Redis", () => Number(reachable()));
  metrics.gauge("presence_unrecorded", "users that Redis has yet to learn about", open);
  return {
    failures: metrics.counter("presence_command_failures_total", "Redis commands that failed", ["command"]),
    timeouts: metrics.counter("presence_timeouts_total", "connections given up since Redis did not answer"),
    reaped: metrics.counter("presence_reaped_servers_total", "dead servers whose users were taken away"),
    putBacks: metrics.counter(
      "presence_put_backs_total",
      "times that Redis was brought in line with the local sessions, by what it knew of them",
      ["standing"],
    ),
  };
}

export type PresenceMetrics = ReturnType<typeof presenceMetrics>;
