import type { Sender } from "./sender.ts";

/** Decides when senders send. Times are those of performance.now(). */
export type Pace = {
  start(senders: readonly Sender[]): void;
  /** A message of this sender has arrived. */
  arrived(sender: Sender): void;
  /** All that came in one read has been looked at. */
  settle(): void;
  stop(): void;
  /** Whether no sender will send again. */
  readonly isOver: boolean;
};
