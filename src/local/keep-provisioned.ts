import type { Provisioned } from "../cluster/provision.ts";
import type { Part } from "./supervisor.ts";

export type KeepProvisionedOptions = {
  readonly nodes: readonly Part[];
  /** Makes what is missing, as often as needed. */
  readonly provision: () => Promise<Provisioned>;
  /** Told of what was missing or wrong, and of what could not be mended. */
  readonly onMended: (provisioned: Provisioned) => void;
  readonly onError: (error: Error) => void;
};

/**
 * Looks after the streams and consumers whenever a NATS node has come back: without fsync, a power failure may
 * have taken some of them, or left consumers out of step with their stream, which then hand out nothing.
 */
export function keepProvisioned({ nodes, provision, onMended, onError }: KeepProvisionedOptions): void {
  let running = false;
  let again = false;
  const run = async (): Promise<void> => {
    again = running;
    if (running) return;
    running = true;
    try {
      const provisioned = await provision();
      if (provisioned.created.length + provisioned.updated.length > 0) onMended(provisioned);
    } catch (error) {
      onError(error as Error);
    }
    running = false;
    if (again) void run();
  };
  for (const { events } of nodes) events.on("ready", () => void run());
}
