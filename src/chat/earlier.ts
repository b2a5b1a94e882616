/**
 * A stored section points back not only to the room's section before it but to a few more, so that whoever
 * reads a room's end need not wait for one before asking for the next. They are hints: the chain of single
 * pointers is what counts.
 */

/** How many sections a section points back to, beyond the one before it. */
export const maxEarlier = 31;

/** Sequences, newest first, as the distances between them in base 36; `from` is the newer neighbour of the first. */
export function encodeEarlier(from: number, sequences: readonly number[]): string {
  let text = "";
  let newer = from;
  for (const sequence of sequences) {
    text += `${text === "" ? "" : ","}${(newer - sequence).toString(36)}`;
    newer = sequence;
  }
  return text;
}

/** The sequences that encodeEarlier has written; empty where `text` is malformed or missing. */
export function decodeEarlier(from: number, text: string | undefined): number[] {
  if (!text) return [];
  const sequences: number[] = [];
  let sequence = from;
  for (const distance of text.split(",")) {
    sequence -= Number.parseInt(distance, 36);
    if (!(sequence > 0)) return [];
    sequences.push(sequence);
  }
  return sequences;
}
