/** What happened in a run. Times are milliseconds since its start, all by one clock. */

/**
 * - `accepted`: its sender saw the echo.
 * - `refused`: its sender was told that it is not stored.
 * - `unknown`: its sender was told that it may or may not be, or lost the connection first.
 */
export type Outcome = "accepted" | "refused" | "unknown";

export type SentMessage = {
  /** Stands in its text; unique in the run. */
  readonly id: string;
  readonly room: string;
  readonly user: string;
  /** Number of the connection that it was sent over. */
  readonly connection: number;
  readonly sentAt: number;
  outcome?: Outcome;
  outcomeAt?: number;
  /** What its sender was told, or why it was told nothing. */
  answer?: string;
};

export type Connection = {
  readonly number: number;
  readonly user: string;
  readonly room: string;
  /** The server at its other end, where that could be found out. */
  readonly server: string;
  readonly openedAt: number;
  /** When `join` was sent the last time, and when the answer was there. */
  joinSentAt?: number;
  joinedAt?: number;
  endedAt?: number;
  endedBy?: string;
  /** Chat messages after `Joined room`, in the order in which they came. */
  readonly received: { readonly id: string; readonly at: number }[];
  /** `* Some messages are no longer available`, which retention cannot have caused here. */
  gapsTold: number;
};

/**
 * Messages of one connection that were open at once when one of them was refused: an error does not say which.
 * At least `refused` of them are not stored.
 */
export type RefusedAmong = { readonly ids: readonly string[]; readonly refused: number };

/** A message as it stands in its room's log. */
export type StoredMessage = {
  readonly id: string;
  readonly user: string;
  /** Of the section that holds it, in ChatRooms. */
  readonly sequence: number;
  readonly batch: string;
  /** When it was stored, in milliseconds since the start of the run, by the stream's clock. */
  readonly storedAt: number;
};

export type History = {
  readonly messages: ReadonlyMap<string, SentMessage>;
  readonly connections: readonly Connection[];
  readonly refusedAmong: readonly RefusedAmong[];
  /** Per room: its log, oldest message first. */
  readonly logs: ReadonlyMap<string, readonly StoredMessage[]>;
};
