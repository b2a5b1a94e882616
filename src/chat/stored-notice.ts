/**
 * What a worker says on `stored.<incarnation>` when it is through with a batch. The server that sent the
 * batch learns its outcome; the other workers learn what its rooms now hold, before the partition's next
 * batch reaches one of them.
 */
export type StoredNotice = {
  readonly partition: number;
  readonly counter: number;
  /** When the ChatRooms that this speaks of was created; sequences of another one mean nothing. */
  readonly created: string;
  /**
   * Per room of the batch: its last sequence, its producers' counters as encodeProducers writes them, and what
   * came before as encodeEarlier does.
   */
  readonly rooms: readonly (readonly [room: string, sequence: number, producers: string, earlier: string])[];
  /** Rooms whose part of the batch was set aside as a dead letter, with the reason. */
  readonly refused?: readonly (readonly [room: string, reason: string])[];
};

export const encodeStoredNotice = (notice: StoredNotice): string => JSON.stringify(notice);

/** The notice that `text` stands for; undefined if it is none. */
export function decodeStoredNotice(text: string): StoredNotice | undefined {
  try {
    const notice = JSON.parse(text) as StoredNotice;
    const { partition, counter, rooms, refused = [] } = notice;
    const wellFormed =
      Number.isInteger(partition) &&
      Number.isInteger(counter) &&
      Array.isArray(rooms) &&
      rooms.every((room) => Array.isArray(room) && areOf(room, ["string", "number", "string", "string"])) &&
      Array.isArray(refused) &&
      refused.every((room) => Array.isArray(room) && areOf(room, ["string", "string"]));
    return wellFormed ? notice : undefined;
  } catch {
    return undefined;
  }
}

const areOf = (values: readonly unknown[], types: readonly string[]): boolean =>
  values.length === types.length && values.every((value, index) => typeof value === types[index]);
