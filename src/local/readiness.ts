import { setTimeout as delay } from "node:timers/promises";

/** The address of a part's HTTP port, and a path that answers 200 once it can do its work. */
export type Listening = { readonly http?: string; readonly readyPath?: string };

/** Asks the ready path until it answers 200; false when `signal` aborts first. */
export async function untilReady({ http, readyPath }: Listening, signal: AbortSignal): Promise<boolean> {
  for (let wait = 20; !signal.aborted; wait = Math.min(wait * 2, 250)) {
    if (http === undefined || readyPath === undefined) return true;
    try {
      const answer = await fetch(`http://${http}${readyPath}`, { signal });
      await answer.body?.cancel();
      if (answer.ok) return true;
    } catch {
      // Not listening yet, or gone again.
    }
    await delay(wait, undefined, { signal }).catch(() => {});
  }
  return false;
}
