import type { Log } from "../../../src/platform/log.ts";
import { Metrics } from "../../../src/platform/metrics.ts";
import { serverMetrics } from "../../../src/server/metrics.ts";

const silent = (): void => {};

/** A log that nobody reads. */
export const quietLog: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
  child: () => quietLog,
};

/** Metrics that nobody scrapes; one set for all tests of a file. */
export const quietMetrics = serverMetrics(new Metrics("server"));
