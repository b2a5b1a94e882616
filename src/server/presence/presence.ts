import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { within } from "../../platform/within.ts";
import { CommandFailed, Commands } from "./commands.ts";
import { Lease } from "./lease.ts";
import { Ledger } from "./ledger.ts";
import { LocalSessions } from "./local-sessions.ts";
import { type PresenceMetrics, presenceMetrics } from "./metrics.ts";
import type { PresenceEvent } from "./presence-event.ts";
import { Reaper } from "./reaper.ts";
import { Recorder } from "./recorder.ts";
import { answerMilliseconds, type PresenceRedis, presenceRedis } from "./redis.ts";
import { RoomEvents } from "./room-events.ts";

/** Redis cannot be asked now; the message is for people. */
export class PresenceUnavailableError extends Error {
  constructor(options?: ErrorOptions) {
    super("the list of users is not available right now, try again in a moment", options);
  }
}

export type PresenceOptions = {
  /** `redis://:password@host:6379` */
  readonly redisUrl: string;
  /** Names this server process and no other, ever. */
  readonly incarnation: string;
  /** After this long without a sign of life the other servers take this server's users away. */
  readonly leaseMilliseconds: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onEvent: (event: PresenceEvent) => void;
};

/** How late somebody may stop waiting for a change to be recorded, in milliseconds: one timer looks after all. */
const waitingPrecision = 100;
/** How long `stop` may take when Redis is slow or away. */
const stopMilliseconds = 2000;

/**
 * Who is in which room, over all servers.
 *
 * The local sessions are the truth of this server. What changes there goes through the ledger and the recorder
 * to Redis, which tells the rooms. Redis may be away, stand still or come back empty at any time: chat goes on,
 * and the recorder brings Redis in line afterwards.
 */
export class Presence {
  readonly #redis: PresenceRedis;
  readonly #incarnation: string;
  readonly #log: Log;
  readonly #metrics: PresenceMetrics;
  readonly #sessions = new LocalSessions();
  readonly #ledger = new Ledger(this.#sessions);
  readonly #commands: Commands;
  readonly #reaper: Reaper;
  readonly #recorder: Recorder;
  readonly #events: RoomEvents;
  readonly #waitingTimer: NodeJS.Timeout;
  #stopping = false;

  constructor({ redisUrl, incarnation, leaseMilliseconds, log, metrics, onEvent }: PresenceOptions) {
    this.#incarnation = incarnation;
    this.#log = log;
    this.#metrics = presenceMetrics(
      metrics,
      () => this.available,
      () => this.#ledger.size,
    );
    this.#redis = presenceRedis(redisUrl);
    this.#commands = new Commands(this.#redis, incarnation, leaseMilliseconds, this.#metrics);
    this.#reaper = new Reaper(this.#commands, this.#metrics, log);
    this.#recorder = new Recorder({
      commands: this.#commands,
      lease: new Lease(this.#commands, leaseMilliseconds),
      ledger: this.#ledger,
      reaper: this.#reaper,
      metrics: this.#metrics,
      log,
    });
    this.#events = new RoomEvents(this.#redis, log, onEvent);
    this.#waitingTimer = setInterval(
      () => this.#ledger.stopWaiting(performance.now() - answerMilliseconds),
      waitingPrecision,
    );
    this.#follow();
  }

  /** Whether `users` can be answered. */
  get available(): boolean {
    return !this.#stopping && this.#recorder.available;
  }

  /** Connects, and goes on trying in the background. Resolves at the first success or failure. */
  async start(): Promise<void> {
    // What goes wrong is told by the events "error" and "close".
    this.#redis.connect().catch(() => {});
    await within(answerMilliseconds, this.#recorder.started);
  }

  /** Hears the room's events from now on. */
  watch(room: string): void {
    this.#events.watch(room);
  }

  unwatch(room: string): void {
    this.#events.unwatch(room);
  }

  /** Resolves when it is recorded; after a second, or when Redis is away, sooner: it is recorded later then. */
  async join(room: string, user: string, session: string): Promise<void> {
    if (this.#sessions.add(room, user, session)) this.#changed(room, user, session);
    await this.#recorded(room, user);
  }

  /** Resolves as `join` does. */
  async leave(room: string, user: string, session: string): Promise<void> {
    if (this.#sessions.remove(room, user, session)) this.#changed(room, user, session);
    await this.#recorded(room, user);
  }

  /** The user ids in the room, sorted. Throws PresenceUnavailableError, after a second at the latest. */
  async users(room: string): Promise<string[]> {
    if (!this.available) throw new PresenceUnavailableError();
    try {
      const users = await within(answerMilliseconds, this.#commands.users(room));
      if (users !== undefined) return users.sort();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new PresenceUnavailableError({ cause: error });
    }
    throw new PresenceUnavailableError();
  }

  /** Takes all own users away, telling the rooms, and closes the connection. Two seconds at most. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    const takeAway = this.available;
    this.#stopping = true;
    await within(stopMilliseconds, this.#takeLeave(takeAway));
    clearInterval(this.#waitingTimer);
    this.#redis.disconnect();
  }

  #changed(room: string, user: string, session: string): void {
    this.#ledger.changed(room, user, session);
    this.#recorder.wake();
  }

  async #recorded(room: string, user: string): Promise<void> {
    if (this.available) await this.#ledger.settled(room, user);
  }

  async #takeLeave(takeAway: boolean): Promise<void> {
    await this.#recorder.stop();
    if (!takeAway) return;
    try {
      await this.#commands.dropLease();
      await this.#reaper.takeAway(this.#incarnation);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      this.#log.warn({ why: error.message }, "leaves its users to be taken away when the lease has run out");
    }
  }

  #follow(): void {
    let lastError = "";
    this.#redis.on("ready", () => {
      if (this.#stopping) return;
      lastError = "";
      this.#events.connected();
      this.#recorder.connected();
    });
    this.#redis.on("close", () => this.#recorder.disconnected());
    this.#redis.on("error", (error: Error) => {
      if (error.message.startsWith("Socket timeout")) this.#metrics.timeouts.inc();
      // One line for each trouble, not for each attempt to connect. The error itself stays out of the log: it
      // has the command's arguments with it, and so the password when Redis refuses that.
      if (error.message !== lastError) this.#log.warn({ why: error.message }, "no connection to Redis");
      lastError = error.message;
    });
  }
}
