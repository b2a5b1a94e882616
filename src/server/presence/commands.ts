import { randomBytes } from "node:crypto";
import { ReplyError } from "ioredis";
import { epochKey, graveKey, gravesKey, holdingsKey, leaseKey, serversKey, usersKey } from "./keys.ts";
import type { Change } from "./ledger.ts";
import type { PresenceMetrics } from "./metrics.ts";
import type { PresenceRedis } from "./redis.ts";

/** A command was refused by Redis, or (not `answered`) its connection broke and what it did is not known. */
export class CommandFailed extends Error {
  readonly answered: boolean;

  constructor(command: string, cause: Error) {
    super(`Redis: ${command} failed: ${cause.message}`, { cause });
    this.answered = cause instanceof ReplyError;
  }
}

/** What one server asks Redis. Every method throws CommandFailed. */
export class Commands {
  readonly #redis: PresenceRedis;
  readonly #incarnation: string;
  readonly #leaseMilliseconds: number;
  readonly #metrics: PresenceMetrics;

  constructor(
    redis: PresenceRedis,
    incarnation: string,
    leaseMilliseconds: number,
    metrics: PresenceMetrics,
  ) {
    this.#redis = redis;
    this.#incarnation = incarnation;
    this.#leaseMilliseconds = leaseMilliseconds;
    this.#metrics = metrics;
  }

  /** The run id of the Redis process. */
  async runId(): Promise<string> {
    const info = await this.#ask("info", this.#redis.info("server"));
    return /^run_id:(\w+)/m.exec(info)?.[1] ?? "";
  }

  /** See renew.lua. */
  async renew(renewal: number): Promise<{ epoch: string; knownSince: number }> {
    const [epoch, knownSince] = await this.#ask(
      "renew",
      this.#redis.renewLease(
        leaseKey(this.#incarnation),
        serversKey,
        epochKey,
        this.#incarnation,
        String(renewal),
        String(this.#leaseMilliseconds),
        randomBytes(12).toString("hex"),
      ),
    );
    return { epoch, knownSince };
  }

  dropLease(): Promise<number> {
    return this.#ask("drop lease", this.#redis.del(leaseKey(this.#incarnation)));
  }

  /** What Redis holds for this server. */
  async holdings(): Promise<Set<string>> {
    return new Set(await this.#ask("holdings", this.#redis.smembers(holdingsKey(this.#incarnation))));
  }

  /** Why some of `changes` failed, by their position; undefined if `renewal` is not in force. See record.lua. */
  async record(renewal: number, changes: readonly Change[]): Promise<Map<number, string> | undefined> {
    const args = [leaseKey(this.#incarnation), holdingsKey(this.#incarnation), String(renewal)];
    for (const { kind, room, user, session, tell } of changes) {
      args.push(kind, room, user, session ?? "", tell ? "1" : "0");
    }
    const failed = await this.#ask("record", this.#redis.recordChanges(...args));
    if (failed === null) return undefined;
    const reasons = new Map<number, string>();
    for (let i = 0; i < failed.length; i += 2) reasons.set(Number(failed[i]), String(failed[i + 1]));
    return reasons;
  }

  async findDead(): Promise<{ incarnations: string[]; graves: string[] }> {
    const [incarnations, graves] = await this.#ask("find dead", this.#redis.findDead(serversKey, gravesKey));
    return { incarnations, graves };
  }

  /** The grave of a server without lease; undefined if another server was first. See bury.lua. */
  async bury(incarnation: string): Promise<string | undefined> {
    const grave = `${incarnation}.${randomBytes(6).toString("hex")}`;
    const keys = [leaseKey(incarnation), serversKey, holdingsKey(incarnation), gravesKey, graveKey(grave)];
    const buried = await this.#ask("bury", this.#redis.bury(...keys, incarnation, grave));
    return buried === 1 ? grave : undefined;
  }

  /** Takes up to `limit` users away and tells how many remain. See empty-grave.lua. */
  empty(grave: string, limit: number): Promise<number> {
    return this.#ask("empty grave", this.#redis.emptyGrave(gravesKey, graveKey(grave), grave, String(limit)));
  }

  users(room: string): Promise<string[]> {
    return this.#ask("users", this.#redis.smembers(usersKey(room)));
  }

  async #ask<T>(command: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.#metrics.failures.inc({ command });
      throw new CommandFailed(command, error as Error);
    }
  }
}
