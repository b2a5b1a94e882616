import type { Pace } from "./pace.ts";
import type { Sender } from "./sender.ts";

export type ClosedLoopOptions = {
  /** Messages that each sender keeps on their way. */
  readonly window: number;
  /** How many each sends before it stops by itself. */
  readonly messagesPerSender?: number;
};

/** As many new messages as have arrived: the offered load is what the service can take. */
export class ClosedLoop implements Pace {
  readonly #window: number;
  readonly #limit: number;
  readonly #ready: Sender[] = [];
  #sending = 0;
  #isStopped = false;

  constructor({ window, messagesPerSender = Number.POSITIVE_INFINITY }: ClosedLoopOptions) {
    this.#window = window;
    this.#limit = messagesPerSender;
  }

  start(senders: readonly Sender[]): void {
    this.#sending = senders.length;
    for (const sender of senders) this.#fill(sender);
  }

  arrived(sender: Sender): void {
    if (this.#ready.at(-1) !== sender) this.#ready.push(sender);
  }

  settle(): void {
    for (const sender of this.#ready) this.#fill(sender);
    this.#ready.length = 0;
  }

  stop(): void {
    this.#isStopped = true;
  }

  get isOver(): boolean {
    return this.#isStopped || this.#sending === 0;
  }

  #fill(sender: Sender): void {
    if (this.#isStopped || sender.sent >= this.#limit) return;
    const now = performance.now();
    const free = this.#window - (sender.sent - sender.arrived);
    const count = Math.min(free, this.#limit - sender.sent);
    for (let index = 0; index < count; index++) sender.add(now);
    sender.flush();
    if (sender.sent >= this.#limit) this.#sending--;
  }
}
