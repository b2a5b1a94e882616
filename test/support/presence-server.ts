/**
 * A process with one Presence, to be killed and frozen by tests. It is driven over the IPC channel:
 * { redisUrl, incarnation, leaseMilliseconds } starts it, then { join: [[room, user, session], ...] } and
 * { leave: [...] } change it; each message is answered by { done: true }.
 */
import { createLog } from "../../src/platform/log.ts";
import { Metrics } from "../../src/platform/metrics.ts";
import { Presence } from "../../src/server/presence/presence.ts";

type Where = [room: string, user: string, session: string];
export type Order = {
  start?: { redisUrl: string; incarnation: string; leaseMilliseconds: number };
  join?: Where[];
  leave?: Where[];
};

let presence: Presence | undefined;

async function follow({ start, join = [], leave = [] }: Order): Promise<void> {
  if (start !== undefined) {
    presence = new Presence({
      ...start,
      log: createLog("server", "error"),
      metrics: new Metrics("server"),
      onEvent: () => {},
    });
    await presence.start();
  }
  await Promise.all(join.map((where) => presence?.join(...where)));
  await Promise.all(leave.map((where) => presence?.leave(...where)));
  process.send?.({ done: true });
}

process.on("message", (order: Order) => void follow(order));
process.on("disconnect", () => process.exit());
