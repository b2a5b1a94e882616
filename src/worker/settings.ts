import { commonSettings } from "../platform/common-settings.ts";
import { integer } from "../platform/settings.ts";

/** Everything that can be set on a queue worker. */
export const workerSettings = {
  ...commonSettings,
  slots: integer(16, "batches that a worker works on at once", { min: 1, max: 1024 }),
  knownRooms: integer(100_000, "rooms whose last sequence a worker remembers", { min: 100 }),
};
