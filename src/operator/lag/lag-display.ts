import type { LagResult, Measured } from "../../scaling/lag-meter.ts";
import { LagUnknown } from "../../scaling/lag-unknown.ts";
import type { Problem } from "../status/conditions.ts";
import type { SeenLag, ShownLag } from "../status/lag.ts";

/** How many attempts in a row must have failed before it is told: for a moment a server is not where it was. */
const patience = 3;
/** How long what is shown stays though it has changed a little, in milliseconds. */
const shownFor = 15_000;

export type LagDisplaySettings = {
  /** Whether a change that can wait may be shown now; asked when nothing else speaks against it. */
  readonly mayChange: () => boolean;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
};

/**
 * What the status of a ChatCluster says of its lag: each change is a write to the API server. It is rounded, stays for a
 * while, and changes at once only where that matters: when the lag passes its target, is unknown, or is known again.
 */
export class LagDisplay {
  readonly #settings: LagDisplaySettings;
  #shown: SeenLag;
  #changedAt = 0;
  #failures = 0;

  constructor(settings: LagDisplaySettings) {
    this.#settings = settings;
  }

  get shown(): SeenLag {
    return this.#shown;
  }

  /** Takes the next result; true where something else is shown from now on. */
  take(result: LagResult, targetSeconds: number): boolean {
    if (result instanceof LagUnknown) {
      const { reason, message } = result;
      this.#failures++;
      if (this.#failures < patience) return false;
      if (isProblem(this.#shown)) {
        if (this.#shown.reason === reason && this.#shown.message === message) return false;
        if (!this.#mayChange()) return false;
      }
      return this.#show({ reason, message });
    }
    this.#failures = 0;
    const next = rounded(result);
    if (!isUrgent(this.#shown, next, targetSeconds) && (isSame(this.#shown, next) || !this.#mayChange()))
      return false;
    return this.#show(next);
  }

  /** Whether something that can wait has waited long enough. */
  #mayChange(): boolean {
    const { now, mayChange } = this.#settings;
    return now() - this.#changedAt >= shownFor && mayChange();
  }

  #show(shown: SeenLag): true {
    this.#shown = shown;
    this.#changedAt = this.#settings.now();
    return true;
  }
}

function isUrgent(shown: SeenLag, next: ShownLag, targetSeconds: number): boolean {
  if (shown === undefined || isProblem(shown)) return true;
  return shown.lagSeconds <= targetSeconds && next.lagSeconds > targetSeconds;
}

function isSame(shown: SeenLag, next: ShownLag): boolean {
  if (shown === undefined || isProblem(shown)) return false;
  const { lagSeconds, lagBytes, connections } = shown;
  return lagSeconds === next.lagSeconds && lagBytes === next.lagBytes && connections === next.connections;
}

function isProblem(shown: SeenLag): shown is Problem {
  return shown !== undefined && "reason" in shown;
}

/** To what a person wants to know: what is on its way all the time counts for nothing. */
function rounded({ sample, connections }: Measured): ShownLag {
  return {
    lagSeconds: sample.lagSeconds < 10 ? Number(sample.lagSeconds.toFixed(1)) : Math.round(sample.lagSeconds),
    lagBytes: roundBytes(sample.lagBytes),
    connections,
  };
}

/** To two digits, and to whole KiB below 100 KiB. */
function roundBytes(bytes: number): number {
  const step = Math.max(1024, 10 ** (Math.floor(Math.log10(Math.max(1, bytes))) - 1));
  return Math.round(bytes / step) * step;
}
