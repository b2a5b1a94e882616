/** What is known of the lag at one moment. */
export type LagSample = {
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  /** Age of the oldest message that waits, in ChatIngress or in a server's buffer, in seconds. */
  readonly lagSeconds: number;
  /** Bytes that wait, in both. */
  readonly lagBytes: number;
  /** Bytes per second that workers have stored since the last sample; undefined on the first or when it could not be told. */
  readonly storedBytesPerSecond: number | undefined;
  /** Workers that answered. */
  readonly workers: number;
  /** Share of the time since the last sample in which those workers were storing batches, averaged over them, 0 to 1; undefined like the above. */
  readonly busy: number | undefined;
};
