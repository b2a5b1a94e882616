import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf } from "./kube/objects.ts";
import type { Problem } from "./status/conditions.ts";

/** Says what is in the way when it appears or changes, not each time somebody runs into it again. */
export class Troubles {
  readonly #events: Pick<EventRecorder, "record">;
  /** By key of an object, what it was found to have last. */
  readonly #last = new Map<string, ReadonlySet<string>>();

  constructor(events: Pick<EventRecorder, "record">) {
    this.#events = events;
  }

  /** `troubles`: all that the object has now. */
  tell(object: KubeObject, troubles: readonly Problem[]): void {
    const key = keyOf(object.metadata);
    const before = this.#last.get(key);
    const idOf = ({ reason, message }: Problem): string =>
      JSON.stringify([object.metadata.uid, reason, message]);
    for (const trouble of troubles) {
      if (before?.has(idOf(trouble))) continue;
      this.#events.record(object, "Warning", trouble.reason, trouble.message);
    }
    this.#last.set(key, new Set(troubles.map(idOf)));
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#last.delete(key);
  }
}
