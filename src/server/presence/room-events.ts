import { ReplyError } from "ioredis";
import type { Log } from "../../platform/log.ts";
import { eventsChannel, roomOfEventsChannel } from "./keys.ts";
import { type PresenceEvent, parsePresenceEvent } from "./presence-event.ts";
import type { PresenceRedis } from "./redis.ts";

/** Channels in one command. */
const chunk = 1000;

/**
 * Hears the presence events of the rooms that are watched. What is published while Redis is away is lost. Rooms
 * that open or close in one turn of the event loop share a command.
 */
export class RoomEvents {
  readonly #redis: PresenceRedis;
  readonly #log: Log;
  /** Those of the rooms that are watched. */
  readonly #channels = new Set<string>();
  /** Those that were watched, or no longer, in this turn. */
  #changed = new Set<string>();

  constructor(redis: PresenceRedis, log: Log, onEvent: (event: PresenceEvent) => void) {
    this.#redis = redis;
    this.#log = log;
    redis.on("message", (channel: string, text: string) => {
      if (!this.#channels.has(channel)) return;
      const event = parsePresenceEvent(roomOfEventsChannel(channel), text);
      if (event !== undefined) onEvent(event);
    });
  }

  watch(room: string): void {
    const channel = eventsChannel(room);
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    this.#change(channel);
  }

  unwatch(room: string): void {
    const channel = eventsChannel(room);
    if (this.#channels.delete(channel)) this.#change(channel);
  }

  connected(): void {
    this.#send("subscribe", [...this.#channels]);
  }

  #change(channel: string): void {
    if (this.#changed.size === 0) setImmediate(() => this.#sendChanges());
    this.#changed.add(channel);
  }

  #sendChanges(): void {
    const changed = [...this.#changed];
    this.#changed = new Set();
    // The next connection begins with all that is watched then.
    if (!this.#connected) return;
    this.#send(
      "unsubscribe",
      changed.filter((channel) => !this.#channels.has(channel)),
    );
    this.#send(
      "subscribe",
      changed.filter((channel) => this.#channels.has(channel)),
    );
  }

  #send(command: "subscribe" | "unsubscribe", channels: readonly string[]): void {
    for (let from = 0; from < channels.length; from += chunk) {
      this.#check(this.#redis[command](...channels.slice(from, from + chunk)));
    }
  }

  get #connected(): boolean {
    return this.#redis.status === "ready";
  }

  /** A broken connection needs no word here: the next one subscribes anew. */
  #check(answer: Promise<unknown>): void {
    answer.catch((error: Error) => {
      if (error instanceof ReplyError)
        this.#log.warn({ why: error.message }, "Redis refuses presence events");
    });
  }
}
