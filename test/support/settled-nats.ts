import type { ProvidedNats } from "../../src/operator/nats/provide.ts";

/** NATS that is as it should be. */
export const settled: ProvidedNats = {
  created: [],
  updated: [],
  removed: [],
  members: 1,
  present: 1,
  isSettled: true,
};

/** What is said of NATS where there are no pods. */
export const settledNats = async (): Promise<ProvidedNats> => settled;
