import { isUtf8 } from "node:buffer";

/** Cc is exactly C0, DEL and C1 (U+0080 to U+009F). */
const control = /\p{Cc}/u;
const controls = /\p{Cc}/gu;

/**
 * The text of `bytes` from `start` up to `end`, without control characters, so that nobody can drive
 * another's terminal; undefined if it is not valid UTF-8. A tab becomes a space, so that pasted words do
 * not run together. Everything else stays as typed.
 */
export function cleanText(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString("utf8", start, end);
  // Decoding puts U+FFFD for what is invalid; but somebody may also have typed one.
  if (text.includes("\ufffd") && !isUtf8(bytes.subarray(start, end))) return undefined;
  return control.test(text) ? text.replaceAll("\t", " ").replace(controls, "") : text;
}
