import { maxBatchBytes, maxBatchMessages, maxBatchRooms } from "../../src/chat/batch.ts";

/*
 * What storing costs a worker, of a whole core. From the measured CPU time of workers (ARCHITECTURE.md, "Where the
 * time goes"): 3 microseconds a message in workload A, with batches of 180 messages for 2.8 rooms, and 1.2 in B, with
 * 2,010 messages, which hold all five rooms of a partition. Two equations, of which these are the solution.
 */
const perRoom = 138e-6;
const perMessage = 0.86e-6;
/** The part of a core that a worker's pod gets. */
const core = 0.25;
/** Round trips of a batch in which its worker has nothing to do with it but wait, in seconds: two publishes, synced. */
export const roundTrips = 0.005;

/** Messages of the largest batch that servers make. */
export const fullBatch = (bytesPerMessage: number): number =>
  Math.min(maxBatchMessages, maxBatchBytes / bytesPerMessage);

/**
 * CPU time that a worker of normal speed needs for a batch, in seconds. Rooms differ in how busy they are, as in
 * Zipf's law, so that the rooms of a batch grow with the power 3/4 of its messages.
 */
export function batchTime(messages: number): number {
  const root = Math.sqrt(messages);
  const rooms = messages <= 1 ? 1 : Math.min(maxBatchRooms, root * Math.sqrt(root));
  return (rooms * perRoom + messages * perMessage) / core;
}
