import { type Protocol, witnessOf } from "../protocols/protocol.ts";
import { DeliveryCheck } from "./delivery-check.ts";
import { Member } from "./member.ts";
import { Sender } from "./sender.ts";

export type LoadRoomOptions = {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly firstConnection: number;
  readonly members: number;
  readonly senders: number;
  readonly textBytes: number;
  /** The most messages of a sender that may be on their way at once. */
  readonly open: number;
};

export type LoadRoomEvents = {
  /** Message `sequence` of `sender` has reached its witness. */
  onArrival(sender: Sender, sequence: number): void;
  onRead(): void;
  onFault(text: string): void;
};

/** One room with all its members, and the check of what they get. */
export class LoadRoom {
  readonly check: DeliveryCheck;
  readonly members: Member[] = [];
  readonly senders: Sender[] = [];
  readonly #options: LoadRoomOptions;
  readonly #events: LoadRoomEvents;
  readonly #witnesses: number[];

  constructor(options: LoadRoomOptions, events: LoadRoomEvents) {
    const { protocol, name, members, senders } = options;
    this.#options = options;
    this.#events = events;
    this.check = new DeliveryCheck({ ...protocol, room: name, members, senders });
    this.#witnesses = Array.from({ length: senders }, (_, sender) => witnessOf(protocol, sender, members));
  }

  /** Done when member `number` has been welcomed. */
  async connect(number: number): Promise<void> {
    const { name: room, firstConnection, ...options } = this.#options;
    const witnesses = this.#witnesses;
    const { check, senders } = this;
    const events = this.#events;
    this.members[number] = await Member.connect(
      { ...options, room, firstConnection, connection: firstConnection + number },
      {
        onMessage(from, sequence) {
          const isDue = check.deliver(number, from, sequence);
          if (witnesses[from] !== number || !isDue) return;
          const sender = senders[from] as Sender;
          sender.arrived = sequence + 1;
          events.onArrival(sender, sequence);
        },
        onRead: events.onRead,
        onFault: events.onFault,
      },
    );
  }

  /** To be called when all are connected. */
  makeSenders(): void {
    const { protocol, name: room, textBytes, open, senders } = this.#options;
    for (const [number, { socket }] of this.members.slice(0, senders).entries()) {
      this.senders.push(new Sender({ socket, protocol, room, number, textBytes, open }));
    }
  }

  /** Deliveries there should be of all that was sent until now. */
  get expected(): number {
    const { protocol, members } = this.#options;
    const receivers = protocol.echoes ? members : members - 1;
    return this.senders.reduce((sum, { sent }) => sum + sent, 0) * receivers;
  }

  finish(): void {
    this.check.finish(this.senders.map(({ sent }) => sent));
  }

  close(): void {
    for (const member of this.members) member?.close();
  }
}
