/** How much later than at its time a time-out may come: a part of it. One timer looks after all. */
const precision = 1 / 20;

/** Whoever stays in it for longer than a time is told, a little later. */
export class JoinTimeout<T extends { joinTimedOut(): void }> {
  readonly #milliseconds: number;
  /** Who waits since when, by performance.now(), oldest first. */
  readonly #since = new Map<T, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#timer = setInterval(() => this.#expire(), milliseconds * precision);
  }

  begin(who: T): void {
    this.#since.set(who, performance.now());
  }

  end(who: T): void {
    this.#since.delete(who);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #expire(): void {
    const latest = performance.now() - this.#milliseconds;
    for (const [who, since] of this.#since) {
      if (since > latest) return;
      this.#since.delete(who);
      who.joinTimedOut();
    }
  }
}
