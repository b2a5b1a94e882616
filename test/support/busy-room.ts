import { jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { RoomLog } from "../../src/chat/room-log.ts";
import { createLog } from "../../src/platform/log.ts";
import { closing, connectNats } from "../../src/platform/nats.ts";
import type { ChatClient } from "./chat-client.ts";
import { eventually } from "./eventually.ts";
import { BusySender } from "./outcomes.ts";
import { logged } from "./producer.ts";

/** A room whose members send all the time, and what each of them was told is held against what is stored. */
export class BusyRoom {
  readonly #room: string;
  readonly #senders: readonly BusySender[];

  /** `members` by name; each has joined. `open` messages of each wait for their outcome at any time. */
  constructor(room: string, members: Readonly<Record<string, ChatClient>>, open: number) {
    this.#room = room;
    this.#senders = Object.entries(members).map(([user, client]) => new BusySender(client, user, open));
  }

  /** How many messages each has seen stored. */
  stored(): number[] {
    return this.#senders.map(({ outcomes }) => outcomes.count("stored"));
  }

  /** Nobody sends any more; resolves when each was told of its last message. Fails if a connection is over. */
  async stop(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.stop()));
    for (const { user, client } of this.#senders)
      if (client.isOver)
        throw new Error(
          `${user} in ${this.#room} was cut off, after ${JSON.stringify(client.text.slice(-500))}`,
        );
  }

  /** All that they saw is in the room's log, once and in order, and each has read all from where it came in. */
  async isWhole(natsUrl: string): Promise<void> {
    const never = new AbortController().signal;
    const connection = await connectNats(natsUrl, "test", createLog("test", "silent"));
    const log = await closing(connection, never, async () => {
      const manager = await jetstreamManager(connection, { checkAPI: false });
      return logged(new RoomLog(connection, manager), this.#room);
    });
    const inLog = new Set(log);
    expect(inLog.size).toBe(log.length);
    for (const { user, client, sent, outcomes } of this.#senders) {
      const told = (outcome: string): string[] => sent.filter((text) => outcomes.told.get(text) === outcome);
      expect(told("stored").filter((text) => !inLog.has(text))).toEqual([]);
      expect(told("not stored").filter((text) => inLog.has(text))).toEqual([]);
      const own = log.filter((text) => text.startsWith(`${user} `));
      expect(own).toEqual(sent.filter((text) => inLog.has(text)));
      // The last message of somebody else may still be on its way.
      await eventually(() => client.text.includes(`: ${log.at(-1)}\n`));
      const read = [...client.text.matchAll(/^\[.{8}\] \S+: (.*)$/gm)].map(([, text]) => text);
      expect(read).toEqual(log.slice(log.length - read.length));
    }
    for (const { client } of this.#senders) client.close();
  }
}
