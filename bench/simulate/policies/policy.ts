import type { Pods } from "../pods.ts";
import type { QueueView } from "../queue.ts";

/** Whatever decides how many workers there are. */
export type Policy = {
  /** Decides when something is due at `time`, in seconds; `look` is what it may see, undefined in a gap. */
  decide(time: number, pods: Pods, look: (() => QueueView) | undefined): void;
};
