import type { ChatClient } from "./chat-client.ts";

/** What a sender was told of a message. */
export type Outcome = "stored" | "not stored" | "not confirmed";

/** An own message that came back, or an error. */
const outcomeLine = (user: string): RegExp =>
  new RegExp(`^(?:\\[\\d\\d:\\d\\d:\\d\\d\\] ${user}: (.+)|Error: message (not stored|not confirmed).*)$`);

/** What `user` was told of each of the messages that it has sent to one room. */
export class Outcomes {
  /** By the message's text. */
  readonly told = new Map<string, Outcome>();
  readonly #user: string;
  readonly #sent: readonly string[];
  readonly #appeared = new Set<string>();

  constructor(user: string, sent: readonly string[]) {
    this.#user = user;
    this.#sent = sent;
  }

  /** Of all that a client has received. */
  static of(client: ChatClient, user: string, sent: readonly string[]): Outcomes {
    const outcomes = new Outcomes(user, sent);
    for (const line of client.text.split("\n")) {
      const found = outcomeLine(user).exec(line);
      if (found !== null) outcomes.take(found[1], found[2]);
    }
    return outcomes;
  }

  count(outcome: Outcome): number {
    return [...this.told.values()].filter((each) => each === outcome).length;
  }

  /**
   * Takes the next line: an echo, or an error, which is about the oldest message without an outcome. Throws when a
   * message appears that must not: twice, or after "not stored".
   */
  take(echo: string | undefined, error: string | undefined): void {
    const text = echo ?? this.#sent.find((each) => !this.told.has(each));
    if (text === undefined) throw new Error(`${this.#user} was told of more messages than it has sent`);
    const before = this.told.get(text);
    if (echo === undefined) {
      this.told.set(text, error as Outcome);
      return;
    }
    if (this.#appeared.has(text)) throw new Error(`${this.#user} saw "${text}" twice`);
    this.#appeared.add(text);
    if (before === "not stored") throw new Error(`${this.#user} saw "${text}", which was not to be stored`);
    // What was not confirmed may appear later.
    if (before === undefined) this.told.set(text, "stored");
  }
}

/** A member that sends all the time: with each outcome that it is told, its next message goes out. */
export class BusySender {
  readonly client: ChatClient;
  readonly user: string;
  readonly sent: string[] = [];
  readonly outcomes: Outcomes;
  readonly #open: number;
  readonly #done: Promise<void>;
  #stopping = false;

  /** `open` messages wait for their outcome at any time. */
  constructor(client: ChatClient, user: string, open: number) {
    this.client = client;
    this.user = user;
    this.outcomes = new Outcomes(user, this.sent);
    this.#open = open;
    this.#send();
    this.#done = this.#goOn();
    // Whoever stops it is told.
    this.#done.catch(() => {});
  }

  /** It sends nothing more; resolves when it has been told of its last message, or its connection is over. */
  stop(): Promise<void> {
    this.#stopping = true;
    return this.#done;
  }

  async #goOn(): Promise<void> {
    while (this.outcomes.told.size < this.sent.length) {
      let found: readonly (string | undefined)[];
      try {
        found = await this.client.line(outcomeLine(this.user));
      } catch (error) {
        if (this.client.isOver) return;
        throw error;
      }
      this.outcomes.take(found[1], found[2]);
      if (!this.#stopping) this.#send();
    }
  }

  #send(): void {
    while (this.sent.length < this.outcomes.told.size + this.#open) {
      const text = `${this.user} says ${this.sent.length}`;
      this.sent.push(text);
      this.client.type(`send ${text}`);
    }
  }
}
