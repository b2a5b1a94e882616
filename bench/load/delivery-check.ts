/** How many faults are kept in words; all are counted. */
const wordsLimit = 20;

export type DeliveryCheckOptions = {
  readonly room: string;
  readonly members: number;
  /** The first so many members send. */
  readonly senders: number;
  /** Whether senders get their own messages. */
  readonly echoes: boolean;
  /** Whether all members must see the same order; else only each sender's own order counts. */
  readonly oneOrder: boolean;
};

/**
 * Checks every delivery of one room to every member: each sender numbers its messages 0, 1, 2..., and each
 * receiver must get consecutive numbers from each sender.
 */
export class DeliveryCheck {
  readonly #options: DeliveryCheckOptions;
  /** Per receiver and sender: the number that is due. */
  readonly #due: Int32Array;
  /** Per receiver: a hash of what came, in its order. */
  readonly #order: Int32Array;
  /** Per receiver and sender: numbers that were passed over and have not come since. */
  readonly #missing = new Map<number, Set<number>>();
  readonly words: string[] = [];
  deliveries = 0;
  lost = 0;
  duplicated = 0;
  disordered = 0;

  constructor(options: DeliveryCheckOptions) {
    this.#options = options;
    this.#due = new Int32Array(options.members * options.senders);
    this.#order = new Int32Array(options.members);
  }

  /** Whether this delivery is the one that was due. */
  deliver(receiver: number, sender: number, sequence: number): boolean {
    const at = receiver * this.#options.senders + sender;
    this.deliveries++;
    this.#order[receiver] =
      Math.imul((this.#order[receiver] as number) ^ sequence, 0x01000193) ^ Math.imul(sender + 1, 0x9e3779b1);
    if (sender < this.#options.senders && this.#due[at] === sequence) {
      this.#due[at] = sequence + 1;
      return true;
    }
    this.#wrong(receiver, sender, sequence, at);
    return false;
  }

  /** To be called when nothing more comes: `sent` is how many messages each sender has sent. */
  finish(sent: readonly number[]): void {
    const { members, senders, echoes, oneOrder } = this.#options;
    for (let receiver = 0; receiver < members; receiver++) {
      for (let sender = 0; sender < senders; sender++) {
        if (receiver === sender && !echoes) continue;
        const at = receiver * senders + sender;
        const behind = (sent[sender] ?? 0) - (this.#due[at] as number);
        const missing = Math.max(0, behind) + (this.#missing.get(at)?.size ?? 0);
        if (missing > 0) {
          this.lost += missing;
          this.#say(`lost: ${missing} of ${sent[sender]} messages of member ${sender} to member ${receiver}`);
        }
        if (behind < 0) {
          this.duplicated -= behind;
          this.#say(`never sent: ${-behind} messages of member ${sender} to member ${receiver}`);
        }
      }
    }
    if (!oneOrder || this.lost + this.duplicated + this.disordered > 0) return;
    const other = this.#order.findIndex((hash) => hash !== this.#order[0]);
    if (other < 0) return;
    this.disordered++;
    this.#say(`out of order: members 0 and ${other} saw the room's messages in different orders`);
  }

  #wrong(receiver: number, sender: number, sequence: number, at: number): void {
    const from = `message ${sequence} of member ${sender} to member ${receiver}`;
    if (sender >= this.#options.senders) {
      this.duplicated++;
      return this.#say(`never sent: ${from}`);
    }
    const due = this.#due[at] as number;
    if (sequence > due) {
      const missing = this.#missing.get(at) ?? new Set();
      this.#missing.set(at, missing);
      for (let passed = due; passed < sequence; passed++) missing.add(passed);
      this.#due[at] = sequence + 1;
      // Whether what was passed over is lost or late is known at the end.
      return;
    }
    if (this.#missing.get(at)?.delete(sequence)) {
      this.disordered++;
      return this.#say(`out of order: ${from}, after ${due - 1}`);
    }
    this.duplicated++;
    this.#say(`duplicated: ${from}, ${due} was due`);
  }

  #say(text: string): void {
    if (this.words.length < wordsLimit) this.words.push(`${this.#options.room}: ${text}`);
  }
}
