import type { NatsConnection } from "@nats-io/transport-node";
import { liveSubject } from "../../src/chat/subjects.ts";
import { subscribe } from "../../src/platform/nats.ts";
import { numberAt, sequenceDigits, sequenceStart } from "../protocols/text.ts";
import type { FullBatches } from "./full-batches.ts";

/** Looks at everything that is stored, as it is republished: each room's messages must be consecutive. */
export class StoredCheck {
  readonly #batches: FullBatches;
  readonly #due = new Map<string, number>();
  readonly faults: string[] = [];

  constructor(nats: NatsConnection, batches: FullBatches) {
    this.#batches = batches;
    const prefix = liveSubject("").length;
    subscribe(nats, liveSubject("*"), ({ subject, data }) => this.take(subject.slice(prefix), data));
  }

  /** A section of `room` was stored. */
  take(room: string, payload: Uint8Array): void {
    const { lineBytes, textStart, messagesPerRoom } = this.#batches;
    const due = this.#due.get(room) ?? 0;
    const at = textStart + sequenceStart;
    const first = numberAt(payload, at, sequenceDigits);
    const last = numberAt(payload, payload.length - lineBytes + at, sequenceDigits);
    const isWhole = payload.length === messagesPerRoom * lineBytes && last === first + messagesPerRoom - 1;
    if ((first !== due || !isWhole) && this.faults.length < 20)
      this.faults.push(`${room}: messages ${first} to ${last} were stored where ${due} was due`);
    this.#due.set(room, last + 1);
  }

  /** Whether everything that was sent is stored. */
  get isComplete(): boolean {
    for (const [room, count] of this.#batches.sent) if ((this.#due.get(room) ?? 0) < count) return false;
    return true;
  }
}
