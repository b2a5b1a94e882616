import type { Log } from "./log.ts";

const stopSignals = ["SIGTERM", "SIGINT"] as const;
const exitAtOnce = (): void => process.exit(0);

/**
 * Ends the process with code 0 on SIGTERM or SIGINT while its role is being loaded and has nothing to stop yet, until
 * `runUntilSignal`. The system would do so by itself, but not for the first process of a container: a signal that it
 * does not listen for is lost, and whoever stops the container waits for the whole grace time.
 */
export function exitOnEarlySignal(): void {
  for (const signal of stopSignals) process.on(signal, exitAtOnce);
}

/**
 * Runs a role until SIGTERM or SIGINT, then calls `stop` and exits 0, or exits 1 when stopping takes longer
 * than `graceMilliseconds`. An error that nobody caught is logged and ends the process with code 1.
 */
export function runUntilSignal(log: Log, graceMilliseconds: number, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.error({ graceMilliseconds }, "stopping took longer than the grace time");
      process.exit(1);
    }, graceMilliseconds).unref();
    stop().then(
      () => {
        log.info("stopped");
        process.exit(0);
      },
      (error: unknown) => {
        log.fatal({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  for (const signal of stopSignals) process.on(signal, onSignal).off(signal, exitAtOnce);
}

/** Ends the process with a log line and code 1 on any error that nobody caught. */
export function exitOnUncaught(log: Log): void {
  const exit = (error: unknown): void => {
    log.fatal({ err: error }, "unexpected error, exiting");
    process.exit(1);
  };
  process.on("uncaughtException", exit);
  process.on("unhandledRejection", exit);
}
