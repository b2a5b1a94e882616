import type { PresenceEvent } from "./presence/presence-event.ts";
import type { Member } from "./room.ts";

/** A room is told at once, and then again no sooner than after this, in milliseconds. */
const gatherTime = 100;

export type PresenceNoticesOptions = {
  /** Those of a room on this server. */
  readonly membersOf: (room: string) => Iterable<Member>;
  readonly sessionOf: (id: string) => Member | undefined;
};

type Notice = { readonly line: string; readonly own: Member | undefined };

/**
 * Tells members who joined and left. What comes in close succession for a room goes to each member in one write:
 * in a storm of joins, a write of each to everybody would be most of the work.
 */
export class PresenceNotices {
  readonly #options: PresenceNoticesOptions;
  /** What waits, by room; empty for a room that was told just now. */
  readonly #waiting = new Map<string, Notice[]>();

  constructor(options: PresenceNoticesOptions) {
    this.#options = options;
  }

  /** Whoever caused it is not told. */
  add({ kind, room, user, session }: PresenceEvent): void {
    const own = session === undefined ? undefined : this.#options.sessionOf(session);
    const notice = { line: `* ${user} ${kind} ${room}\n`, own };
    const waiting = this.#waiting.get(room);
    if (waiting !== undefined) {
      waiting.push(notice);
      return;
    }
    this.#waiting.set(room, [notice]);
    // With what comes in the same read from Redis, and before anything else happens.
    process.nextTick(() => this.#tell(room));
  }

  #tell(room: string): void {
    const notices = this.#waiting.get(room) ?? [];
    if (notices.length === 0) {
      this.#waiting.delete(room);
      return;
    }
    this.#waiting.set(room, []);
    setTimeout(() => this.#tell(room), gatherTime).unref();
    const all = linesOf(notices);
    const causes = new Set(notices.map(({ own }) => own));
    for (const member of this.#options.membersOf(room)) {
      const lines = causes.has(member) ? linesOf(notices.filter(({ own }) => own !== member)) : all;
      if (lines.length > 0) member.write(lines);
    }
  }
}

const linesOf = (notices: readonly Notice[]): Buffer => Buffer.from(notices.map(({ line }) => line).join(""));
