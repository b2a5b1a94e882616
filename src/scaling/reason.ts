/** Why so many workers are wanted, as a metric's label says it. */
export const reasonNames = [
  /** There is no measurement: the count stays. */
  "Unknown",
  /** The count was outside of the bounds of the settings. */
  "Bounds",
  /** The oldest message waits for longer than it should. */
  "LagAboveTarget",
  /** It will, unless there are more workers soon. */
  "LagRising",
  /** More are needed, and as many as may be added at a time are on their way. */
  "GrowthLimit",
  /** More would be needed than are allowed. */
  "AtMaximum",
  /** Fewer would do, but have not done so for the whole window. */
  "Stabilizing",
  /** Fewer have been enough for the whole window. */
  "FewerSuffice",
  /** Nothing waits and nothing is stored. */
  "Idle",
  /** As many as are needed. */
  "Steady",
] as const;

export type ReasonName = (typeof reasonNames)[number];

export type Reason = {
  readonly name: ReasonName;
  /** In words, for an event. */
  readonly text: string;
};
