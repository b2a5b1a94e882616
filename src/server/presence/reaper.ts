import type { Log } from "../../platform/log.ts";
import { CommandFailed, type Commands } from "./commands.ts";
import type { PresenceMetrics } from "./metrics.ts";

/** Users that are taken away in one call: Redis does nothing else meanwhile, for about two milliseconds. */
const chunk = 500;

/**
 * Takes the users of dead servers away. All servers do this at once: one of them gets to bury a dead server,
 * and each of its users is taken from the grave by one of them. A grave outlives who began to empty it.
 */
export class Reaper {
  readonly #commands: Commands;
  readonly #metrics: PresenceMetrics;
  readonly #log: Log;
  #busy = false;

  constructor(commands: Commands, metrics: PresenceMetrics, log: Log) {
    this.#commands = commands;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Looks for dead servers and takes their users away. What fails is left to the next check. */
  async check(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const { incarnations, graves } = await this.#commands.findDead();
      for (const incarnation of incarnations) graves.push(...(await this.#bury(incarnation)));
      for (const grave of graves) await this.#empty(grave);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      this.#log.debug({ why: error.message }, "could not look after dead servers");
    } finally {
      this.#busy = false;
    }
  }

  /** Takes the users of one server away that has no lease. */
  async takeAway(incarnation: string): Promise<void> {
    const grave = await this.#commands.bury(incarnation);
    if (grave !== undefined) await this.#empty(grave);
  }

  async #bury(incarnation: string): Promise<string[]> {
    const grave = await this.#commands.bury(incarnation);
    if (grave === undefined) return [];
    this.#metrics.reaped.inc();
    this.#log.warn({ incarnation }, "a server died, taking its users away");
    return [grave];
  }

  async #empty(grave: string): Promise<void> {
    while ((await this.#commands.empty(grave, chunk)) > 0);
  }
}
