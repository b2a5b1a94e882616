import type { ProvidedNats } from "../../src/operator/nats/provide.ts";

/** What is said of NATS that is as it should be, where there are no pods. */
export const settledNats = async (): Promise<ProvidedNats> => ({
  created: [],
  updated: [],
  removed: [],
  members: 1,
  present: 1,
  isSettled: true,
});
