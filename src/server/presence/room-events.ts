import { ReplyError } from "ioredis";
import type { Log } from "../../platform/log.ts";
import { eventsChannel, roomOfEventsChannel } from "./keys.ts";
import { type PresenceEvent, parsePresenceEvent } from "./presence-event.ts";
import type { PresenceRedis } from "./redis.ts";

/** Channels in one SUBSCRIBE after a reconnect. */
const chunk = 1000;

/** Hears the presence events of the rooms that are watched. What is published while Redis is away is lost. */
export class RoomEvents {
  readonly #redis: PresenceRedis;
  readonly #log: Log;
  readonly #channels = new Set<string>();

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
    if (this.#connected) this.#check(this.#redis.subscribe(channel));
  }

  unwatch(room: string): void {
    const channel = eventsChannel(room);
    if (this.#channels.delete(channel) && this.#connected) this.#check(this.#redis.unsubscribe(channel));
  }

  connected(): void {
    const channels = [...this.#channels];
    for (let from = 0; from < channels.length; from += chunk) {
      this.#check(this.#redis.subscribe(...channels.slice(from, from + chunk)));
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
