import { readFileSync } from "node:fs";
import { Redis } from "ioredis";

const read = (file: string): string => readFileSync(new URL(`./${file}.lua`, import.meta.url), "utf8");
const roomUsers = read("room-users");

type Scripts = {
  renewLease(...args: string[]): Promise<[epoch: string, knownSince: number]>;
  recordChanges(...args: string[]): Promise<(number | string)[] | null>;
  findDead(...args: string[]): Promise<[incarnations: string[], graves: string[]]>;
  bury(...args: string[]): Promise<number>;
  emptyGrave(...args: string[]): Promise<number>;
};

export type PresenceRedis = Redis & Scripts;

/** Redis is silent for this long with a question open: the connection is given up and made anew. */
export const answerMilliseconds = 1000;

/**
 * A connection to Redis that comes back by itself and keeps nothing for later: a command fails at once while
 * there is no connection, and when the connection breaks before its answer. It connects with `connect()`.
 *
 * RESP3 lets commands and pub/sub share the connection: they live and die together.
 */
export function presenceRedis(url: string): PresenceRedis {
  return new Redis(url, {
    lazyConnect: true,
    protocol: 3,
    connectionName: "disroom-presence",
    connectTimeout: answerMilliseconds,
    socketTimeout: answerMilliseconds,
    disconnectTimeout: 100,
    maxLoadingRetryTime: 500,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectDelay,
    scripts: {
      renewLease: { lua: read("renew"), numberOfKeys: 3 },
      recordChanges: { lua: roomUsers + read("record"), numberOfKeys: 2 },
      findDead: { lua: read("find-dead"), numberOfKeys: 2 },
      bury: { lua: read("bury"), numberOfKeys: 5 },
      emptyGrave: { lua: roomUsers + read("empty-grave"), numberOfKeys: 2 },
    },
  }) as PresenceRedis;
}

/** 100 ms, doubling to 2 s, and up to half of it off at random, so that servers don't come in step. */
function reconnectDelay(attempt: number): number {
  return Math.min(100 * 2 ** (attempt - 1), 2000) * (1 - Math.random() / 2);
}
