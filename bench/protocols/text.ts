/**
 * The text of a load message: `<sender> <sequence> xxx...`, both in a fixed number of digits, so that all lines of
 * a run are of one length and can be checked where they lie, without making strings.
 */
export const senderDigits = 4;
export const sequenceDigits = 9;
export const sequenceStart = senderDigits + 1;
export const leastTextBytes = sequenceStart + sequenceDigits;

export const loadText = (sender: number, sequence: number, bytes: number): string =>
  `${String(sender).padStart(senderDigits, "0")} ${String(sequence).padStart(sequenceDigits, "0")} `
    .padEnd(bytes, "x")
    .slice(0, Math.max(bytes, leastTextBytes));

const nickDigits = 5;

/** The nick of a connection: unique in the run, as IRC wants it, and of one length. */
export const nickOf = (connection: number): string => `n${String(connection).padStart(nickDigits, "0")}`;

/** The connection of the nick at `start`; -1 if that is none. */
export const connectionAt = (bytes: Uint8Array, start: number): number =>
  bytes[start] === 110 ? numberAt(bytes, start + 1, nickDigits) : -1;

/** The number that stands in `digits` digits at `start`; -1 if something else does. */
export function numberAt(bytes: Uint8Array, start: number, digits: number): number {
  let number = 0;
  for (let at = start; at < start + digits; at++) {
    const digit = (bytes[at] as number) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

export function writeNumber(bytes: Uint8Array, start: number, digits: number, number: number): void {
  let rest = number;
  for (let at = start + digits - 1; at >= start; at--) {
    const tens = Math.floor(rest / 10);
    bytes[at] = 48 + rest - tens * 10;
    rest = tens;
  }
}
