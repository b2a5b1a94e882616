import { duration, integer, oneOf, text } from "./settings.ts";

/** Settings that servers and workers share. */
export const commonSettings = {
  natsUrl: text(
    "nats://127.0.0.1:4222",
    "NATS servers, separated by commas; user and password go into the URL",
  ),
  partitions: integer(16, "partition count; must be the one that the ChatIngress stream was made with", {
    min: 1,
    max: 1024,
  }),
  httpHost: text("127.0.0.1", "address of the HTTP port"),
  httpPort: integer(9090, "port of /metrics, /livez and /readyz; 0 takes a free one", { max: 65535 }),
  shutdownGrace: duration(25_000, "how long a stop may take before the process exits with code 1"),
  logLevel: oneOf(["debug", "info", "warn", "error"], "info", "what is logged"),
};
