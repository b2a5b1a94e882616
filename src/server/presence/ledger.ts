import { holding } from "./keys.ts";
import type { LocalSessions } from "./local-sessions.ts";

/** Tells Redis that this server has the user in the room, or no longer; `tell`: and tell the room. */
export type Change = {
  readonly kind: "joined" | "left";
  readonly room: string;
  readonly user: string;
  readonly session: string | undefined;
  readonly tell: boolean;
};

/** Changes for one call. `entries[i]` is where `changes[i]` comes from. */
export type Batch = { readonly changes: readonly Change[]; readonly entries: readonly Entry[] };

/**
 * How Redis stands to what it knew of this server: the server is `new` to it, it has `kept` everything, it has
 * `forgotten` (came back empty or older, and the rooms were told nothing), or the server was `reaped` (its
 * users were taken away and the rooms were told that they left).
 */
export type Standing = "new" | "kept" | "forgotten" | "reaped";

type Entry = {
  readonly room: string;
  readonly user: string;
  /** The session behind the latest change. */
  session: string | undefined;
  /** Whether Redis holds the user for this server. */
  held: boolean;
  /** Whether the room believes that this server has the user. */
  told: boolean;
  /** What a batch makes of both that is under way, or whose answer was lost. */
  sent: boolean | undefined;
  readonly waiting: (() => void)[];
  /** Since when, by performance.now(). */
  waitingSince: number;
};

/**
 * What Redis and the rooms have yet to learn about this server's users.
 *
 * A user whom Redis holds and the room was told of as the local sessions have it needs no entry: the ledger is
 * empty at rest. An entry is open from a change until it was recorded, so a user's changes take effect in
 * order, and those that cancel out while they wait are never sent.
 */
export class Ledger {
  readonly #sessions: LocalSessions;
  readonly #open = new Map<string, Entry>();
  readonly #due = new Set<Entry>();

  constructor(sessions: LocalSessions) {
    this.#sessions = sessions;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The user has just appeared in the local sessions or gone from them. */
  changed(room: string, user: string, session: string): void {
    const before = !this.#sessions.has(room, user);
    const entry =
      this.#open.get(holding(room, user)) ?? this.#openEntry(room, user, { held: before, told: before });
    entry.session = session;
    if (entry.sent === undefined) this.#settle(entry);
  }

  /** Resolves when nothing is open for the user, or as soon as it is known that recording has to wait. */
  settled(room: string, user: string): Promise<void> | undefined {
    const entry = this.#open.get(holding(room, user));
    if (entry === undefined) return undefined;
    if (entry.waiting.length === 0) entry.waitingSince = performance.now();
    return new Promise((resolve) => entry.waiting.push(resolve));
  }

  /** Takes what is due, up to `limit` entries. Each batch must be given back with its outcome. */
  take(limit: number): Batch {
    const changes: Change[] = [];
    const entries: Entry[] = [];
    let taken = 0;
    for (const entry of this.#due) {
      if (taken++ === limit) break;
      this.#due.delete(entry);
      entry.sent = this.#sessions.has(entry.room, entry.user);
      for (const change of changesOf(entry, entry.sent)) {
        changes.push(change);
        entries.push(entry);
      }
    }
    return { changes, entries };
  }

  /** Redis did what the batch says, but for the changes at `failed`; these stay open until `retry`. */
  answered(batch: Batch, failed: ReadonlySet<number>): void {
    const failedEntries = new Set(batch.entries.filter((_, position) => failed.has(position)));
    for (const entry of batch.entries) {
      if (entry.sent === undefined) continue;
      if (!failedEntries.has(entry)) entry.held = entry.told = entry.sent;
      entry.sent = undefined;
      if (failedEntries.has(entry)) release(entry);
      else this.#settle(entry);
    }
  }

  /** Redis did nothing of the batch; it stays open until `retry` or `resync`. */
  refused(batch: Batch): void {
    for (const entry of batch.entries) entry.sent = undefined;
  }

  /** Makes everything due again that is open. */
  retry(): void {
    for (const entry of this.#open.values()) if (entry.sent === undefined) this.#settle(entry);
  }

  /**
   * Nobody waits any more who has waited since `latest` (performance.now()) or longer; without it, nobody at all.
   * A batch under way stays in doubt until `resync`.
   */
  stopWaiting(latest = Number.POSITIVE_INFINITY): void {
    for (const entry of this.#open.values()) if (entry.waitingSince <= latest) release(entry);
  }

  /** Opens what differs from what Redis holds for this server, and clears doubts. No batch may be under way. */
  resync(held: ReadonlySet<string>, standing: Standing): void {
    for (const entry of this.#open.values())
      correct(entry, held.has(holding(entry.room, entry.user)), standing);
    for (const [room, user] of this.#sessions.users()) {
      const id = holding(room, user);
      if (held.has(id) || this.#open.has(id)) continue;
      this.#openEntry(room, user, { held: false, told: standing !== "reaped" });
    }
    for (const id of held) {
      const [room = "", user = ""] = id.split("/");
      if (this.#open.has(id) || this.#sessions.has(room, user)) continue;
      this.#openEntry(room, user, { held: true, told: false });
    }
    this.retry();
  }

  #openEntry(room: string, user: string, known: { held: boolean; told: boolean }): Entry {
    const entry = { room, user, session: undefined, ...known, sent: undefined, waiting: [], waitingSince: 0 };
    this.#open.set(holding(room, user), entry);
    return entry;
  }

  #settle(entry: Entry): void {
    const wanted = this.#sessions.has(entry.room, entry.user);
    if (entry.held !== wanted || entry.told !== wanted) {
      this.#due.add(entry);
      return;
    }
    this.#due.delete(entry);
    this.#open.delete(holding(entry.room, entry.user));
    release(entry);
  }
}

function release(entry: Entry): void {
  for (const resolve of entry.waiting.splice(0)) resolve();
}

function changesOf({ room, user, session, held, told }: Entry, wanted: boolean): Change[] {
  if (wanted) return [{ kind: "joined", room, user, session, tell: !told }];
  const left: Change = { kind: "left", room, user, session, tell: told };
  // Redis forgot a user who left since; only what it holds can leave with the room being told.
  return told && !held ? [{ kind: "joined", room, user, session, tell: false }, left] : [left];
}

function correct(entry: Entry, held: boolean, standing: Standing): void {
  const inDoubt = entry.sent !== undefined;
  if (standing === "reaped" && (inDoubt || entry.held)) entry.told = false;
  if (standing === "kept" && entry.sent === held) entry.told = held;
  entry.held = held;
  entry.sent = undefined;
}
