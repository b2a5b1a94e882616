import { type ChatMessage, decodeMessages, lineFrame, liveLine } from "./message.ts";

const newline = 10;
const space = 32;
const quote = 34;
const backslash = 92;

const beforeContent = Buffer.from(lineFrame.beforeContent);
const beforeTime = Buffer.from(lineFrame.beforeTime);
const afterTime = Buffer.from(lineFrame.afterTime);
/** `2026-01-02T10:00:00.000Z`, and where the time of day stands in it. */
const timestampLength = 24;
const timeOfDay = { start: 11, length: 8 };

export type LiveText = { readonly text: Buffer; readonly messages: number };

/**
 * What members of `room` see of a section: a line for each message, made of the section's bytes without a string
 * or an object in between. Throws an Error when the section holds anything but chat messages.
 */
export function liveText(room: string, section: Uint8Array): LiveText {
  const writer = new LineWriter(lineFrame.beforeUser(room), section);
  while (writer.hasMore) {
    if (!writer.copyLine()) writer.renderLine();
  }
  return writer.result;
}

/** Writes lines of a section one by one, as what members see. A line gets shorter on the way, so they all fit. */
class LineWriter {
  readonly #head: string;
  readonly #section: Uint8Array;
  readonly #text: Buffer;
  #messages = 0;
  /** Where the next line begins, here and there. */
  #from = 0;
  #to = 0;

  constructor(head: string, section: Uint8Array) {
    this.#head = head;
    this.#section = section;
    this.#text = Buffer.allocUnsafe(section.length);
  }

  get hasMore(): boolean {
    return this.#from < this.#section.length;
  }

  get result(): LiveText {
    return { text: this.#text.subarray(0, this.#to), messages: this.#messages };
  }

  /** Copies a line as messageHead and messageTail make it, with nothing escaped in between; false for any other one. */
  copyLine(): boolean {
    const section = this.#section;
    const text = this.#text;
    const head = this.#head;
    let from = this.#from;
    for (let index = 0; index < head.length; index++) {
      if (section[from++] !== head.charCodeAt(index)) return false;
    }
    let to = this.#to;
    text[to] = 91; // [
    to += 1 + timeOfDay.length;
    text[to++] = 93; // ]
    text[to++] = space;
    for (let byte = section[from]; byte !== quote; byte = section[++from]) {
      if (byte === undefined || byte < space || byte === backslash) return false;
      text[to++] = byte;
    }
    for (const byte of beforeContent) if (section[from++] !== byte) return false;
    text[to++] = 58; // :
    text[to++] = space;
    for (let byte = section[from]; byte !== quote; byte = section[++from]) {
      if (byte === undefined || byte < space || byte === backslash) return false;
      text[to++] = byte;
    }
    for (const byte of beforeTime) if (section[from++] !== byte) return false;
    for (let index = 0; index < timeOfDay.length; index++) {
      text[this.#to + 1 + index] = section[from + timeOfDay.start + index] as number;
    }
    for (const end = from + timestampLength; from < end; from++) {
      const byte = section[from];
      if (byte === undefined || byte < space || byte === quote || byte === backslash) return false;
    }
    for (const byte of afterTime) if (section[from++] !== byte) return false;
    text[to++] = newline;
    this.#from = from;
    this.#to = to;
    this.#messages++;
    return true;
  }

  /** Reads a line as JSON, and writes what it says; of several messages in it, separated by commas, each. */
  renderLine(): void {
    const end = this.#section.indexOf(newline, this.#from);
    const next = end < 0 ? this.#section.length : end + 1;
    const messages = decodeMessages(this.#section.subarray(this.#from, next));
    if (messages.length === 0) throw new Error("not a chat message");
    for (const message of messages) this.#write(message);
    this.#from = next;
  }

  #write(message: ChatMessage): void {
    this.#to += this.#text.write(liveLine(message), this.#to);
    this.#messages++;
  }
}
