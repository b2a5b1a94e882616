import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Line, LineReader, type TextLine, textOf } from "../../../src/server/line-reader.ts";

const maxLineBytes = 4096;
const tooLong: Read = { kind: "too-long" };
const invalidUtf8: Read = { kind: "invalid-utf8" };
type Read = Exclude<Line, { kind: "plain" }>;
const text = (line: string): Read => ({ kind: "text", text: line });

const IAC = 255;
const [WILL, WONT, DO, DONT] = [251, 252, 253, 254];
const [SB, SE] = [250, 240];

function bytes(...parts: (string | number | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part as string))),
  );
}

/** The reader's next line, decoded. */
function next(reader: LineReader): Read | undefined {
  const line = reader.next();
  return line?.kind === "plain" ? text(textOf(line)) : line;
}

function drain(reader: LineReader): Read[] {
  const lines: Read[] = [];
  for (let line = next(reader); line !== undefined; line = next(reader)) lines.push(line);
  return lines;
}

/** All lines of what a client sends in these chunks before it closes its sending side. */
function linesOf(chunks: readonly Buffer[], max = maxLineBytes): Read[] {
  const reader = new LineReader(max);
  const lines = chunks.flatMap((chunk) => {
    reader.push(chunk);
    return drain(reader);
  });
  reader.end();
  return [...lines, ...drain(reader)];
}

function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const borders = [0, ...places.toSorted((a, b) => a - b), stream.length];
  return borders.slice(1).map((border, i) => stream.subarray(borders[i], border));
}

/** Expects these lines of the whole stream, of the stream cut in two at every byte, and byte by byte. */
function expectLines(stream: Buffer, expected: readonly Read[], max = maxLineBytes): void {
  expect(linesOf([stream], max), "in one chunk").toEqual(expected);
  for (let place = 0; place <= stream.length; place++) {
    expect(linesOf(cut(stream, [place]), max), `cut at byte ${place}`).toEqual(expected);
  }
  const everywhere = Array.from(stream, (_, place) => place);
  expect(linesOf(cut(stream, everywhere), max), "byte by byte").toEqual(expected);
}

describe("line ends", () => {
  it("are LF, CR LF and CR NUL, wherever they are cut", () => {
    expectLines(bytes("one\ntwo\r\nthree\r\0four\n"), ["one", "two", "three", "four"].map(text));
  });

  it("make empty lines", () => {
    expectLines(bytes("\n\r\n\r\0a\n\n"), ["", "", "", "a", ""].map(text));
  });

  it("are CR NUL and LF in CR NUL LF, with an empty line between", () => {
    expectLines(bytes("a\r\0\nb\n"), ["a", "", "b"].map(text));
  });

  it("are not a CR or a NUL alone", () => {
    expectLines(bytes("a\rb\0c\r\r\nd\n\0e\n"), ["abc", "d", "e"].map(text));
  });

  it("may be missing after the last line", () => {
    expectLines(bytes("one\ntwo"), ["one", "two"].map(text));
    expectLines(bytes("one\n"), [text("one")]);
    expectLines(bytes(), []);
  });

  it("may be cut short to a CR by the end of the stream", () => {
    expectLines(bytes("one\ntwo\r"), ["one", "two"].map(text));
    expectLines(bytes("one\n\r"), ["one", ""].map(text));
  });

  it("do not end the last line before the client closes its side", () => {
    const reader = new LineReader(maxLineBytes);
    reader.push(bytes("hal"));
    expect(next(reader)).toBeUndefined();
    reader.push(bytes("f"));
    expect(next(reader)).toBeUndefined();
    reader.end();
    expect(next(reader)).toEqual(text("half"));
    expect(next(reader)).toBeUndefined();
  });
});

describe("telnet negotiation", () => {
  it("of two and three bytes is stripped, wherever it is cut", () => {
    const lineMode = 34; // A quotation mark, which the removal of control characters would not hide.
    for (const verb of [WILL, WONT, DO, DONT]) {
      expectLines(bytes("a", IAC, verb, lineMode, "b\n"), [text("ab")]);
    }
    const [NOP, interrupt, timingMark] = [241, 244, 6];
    expectLines(bytes(IAC, NOP, "a\n", IAC, interrupt, IAC, DO, timingMark, "b\n"), ["a", "b"].map(text));
  });

  it("does not end a line with an option that looks like a line end", () => {
    expectLines(bytes("a", IAC, DO, 10, "b", IAC, WILL, 13, "c", IAC, SE, "d\n"), [text("abcd")]);
  });

  it("in a subnegotiation is stripped, with IAC IAC and line ends inside", () => {
    expectLines(bytes("a", IAC, SB, 24, 10, "x\r\n", IAC, IAC, SE, IAC, SB, "y", IAC, SE, "b\n"), [
      text("ab"),
    ]);
  });

  it("may come between the bytes of a line end and of a character", () => {
    expectLines(bytes("a\r", IAC, DO, 1, "\nb\r", IAC, SB, 0, IAC, SE, 0, "c\n"), ["a", "b", "c"].map(text));
    const [first, ...others] = Buffer.from("é");
    expectLines(bytes(first ?? 0, IAC, WONT, 3, Buffer.from(others), "\n"), [text("é")]);
  });

  it("gives byte 255 for IAC IAC, which is no UTF-8", () => {
    expectLines(bytes("a", IAC, IAC, "b\nc\n"), [invalidUtf8, text("c")]);
  });

  it("that never ends is skipped and not kept", () => {
    const reader = new LineReader(maxLineBytes);
    reader.push(bytes("a\nb", IAC, SB));
    expect(drain(reader)).toEqual([text("a")]);
    for (let i = 0; i < 100; i++) {
      reader.push(Buffer.alloc(65_536, "x\n"));
      expect(drain(reader)).toEqual([]);
      expect(reader.bufferedBytes).toBe(1);
    }
  });

  it("that is cut off by the end of the stream is dropped", () => {
    expectLines(bytes("a\n", IAC), [text("a")]);
    expectLines(bytes("a\nb", IAC, DO), [text("a"), text("b")]);
    expectLines(bytes("a\n", IAC, SB, "b"), [text("a")]);
  });
});

describe("the longest line", () => {
  const lineEnds = ["\n", "\r\n", "\r\0"];
  const cutsNearTheLimit = [1, 4094, 4095, 4096, 4097, 4098, 4099];

  it.each(lineEnds)("has 4096 bytes without its line end %j", (lineEnd) => {
    const line = "x".repeat(4096);
    for (const place of cutsNearTheLimit) {
      expect(linesOf(cut(bytes(line, lineEnd, "next", lineEnd), [place]))).toEqual([
        text(line),
        text("next"),
      ]);
    }
  });

  it.each(lineEnds)("has not 4097 bytes before %j", (lineEnd) => {
    for (const place of cutsNearTheLimit) {
      const stream = bytes("x".repeat(4097), lineEnd, "next", lineEnd);
      expect(linesOf(cut(stream, [place]))).toEqual([tooLong, text("next")]);
    }
  });

  it("is counted in bytes, not in characters", () => {
    expectLines(bytes("éé\nééa\n"), [text("éé"), tooLong], 4);
  });

  it("holds at every cut, with and without a last line end", () => {
    expectLines(
      bytes("1234\r\n12345\r\n1234\r\r\n123456789\n12\n"),
      [text("1234"), tooLong, tooLong, tooLong, text("12")],
      4,
    );
    expectLines(bytes("1234\r"), [text("1234")], 4);
    expectLines(bytes("12345"), [tooLong], 4);
    expectLines(bytes("1234\r5"), [tooLong], 4);
  });

  it("is reported once if exceeded, and without waiting for the line end", () => {
    const reader = new LineReader(maxLineBytes);
    reader.push(Buffer.alloc(5000, "x"));
    expect(drain(reader)).toEqual([tooLong]);
    reader.push(Buffer.alloc(5000, "x"));
    expect(drain(reader)).toEqual([]);
    reader.push(bytes("x\nok\n"));
    expect(drain(reader)).toEqual([text("ok")]);
  });

  it("does not let a longer one grow what is buffered", () => {
    const reader = new LineReader(maxLineBytes);
    const chunk = Buffer.alloc(1000, "x");
    let reported = 0;
    let mostBuffered = 0;
    for (let i = 0; i < 100_000; i++) {
      reader.push(chunk);
      reported += drain(reader).length;
      mostBuffered = Math.max(mostBuffered, reader.bufferedBytes);
    }
    expect(reported).toBe(1);
    expect(mostBuffered).toBeLessThanOrEqual(maxLineBytes);
    expect(reader.bufferedBytes).toBe(0);
  });
});

describe("text", () => {
  it("is UTF-8, cut inside a character of four bytes too", () => {
    expectLines(bytes("hi 👩‍👩‍👧 Привет שלום\u200f e\u0301\n"), [
      text("hi 👩‍👩‍👧 Привет שלום\u200f e\u0301"),
    ]);
  });

  it.each([
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong NUL", [0xc0, 0x80]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a surrogate pair of three bytes each", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a lone continuation byte", [0x80]],
    ["Latin-1", [0xe9]],
    ["cut off at the line end", [0xf0, 0x9f, 0x98]],
    ["two faults in one line", [0xff, 0xff, 0x20, 0x80]],
  ])("is refused with %s", (_, fault) => {
    expectLines(bytes("a", Buffer.from(fault), "\nb\n"), [invalidUtf8, text("b")]);
    expectLines(bytes("a", Buffer.from(fault)), [invalidUtf8]);
  });

  it("may hold a replacement character that was typed", () => {
    expectLines(bytes("a\ufffdb\n"), [text("a\ufffdb")]);
  });

  it("loses control characters, so that no escape sequence is left", () => {
    expectLines(bytes("\x1b[31mred\x1b[0m \x07\x7f\u009b2Jx\u0080\n"), [text("[31mred[0m 2Jx")]);
    expectLines(bytes("\x1b]0;title\x07\x08\n"), [text("]0;title")]);
  });

  it("gets a space for a tab", () => {
    expectLines(bytes("one\ttwo\t\tthree\n"), [text("one two  three")]);
  });

  it("keeps what is no control character, and its spaces", () => {
    const kept = "  a \u00a0 \u2028\ufeff\u202eb\u200d\u200f  ";
    expectLines(bytes(`${kept}\n`), [text(kept)]);
    expectLines(bytes("\ufeffa\n"), [text("\ufeffa")]);
  });
});

describe("a caller that stops for a while", () => {
  it("goes on where it stopped, and sees how much waits", () => {
    const reader = new LineReader(maxLineBytes);
    reader.push(bytes("one\ntwo\nth"));
    reader.push(bytes("ree\nfour\nfi"));
    expect(reader.bufferedBytes).toBe(21);
    expect(next(reader)).toEqual(text("one"));
    expect(reader.bufferedBytes).toBe(17);
    reader.push(bytes("ve\n"));
    reader.end();
    expect(reader.bufferedBytes).toBe(20);
    expect(drain(reader)).toEqual(["two", "three", "four", "five"].map(text));
    expect(reader.bufferedBytes).toBe(0);
  });

  it("counts an unfinished line as buffered until it ends", () => {
    const reader = new LineReader(maxLineBytes);
    reader.push(bytes("one\nabc"));
    drain(reader);
    expect(reader.bufferedBytes).toBe(3);
    reader.push(bytes("\n"));
    drain(reader);
    expect(reader.bufferedBytes).toBe(0);
  });

  it("gets an unfinished line that does not depend on the chunk it came in", () => {
    const reader = new LineReader(maxLineBytes);
    const chunk = bytes("one\nabc");
    reader.push(chunk);
    drain(reader);
    chunk.fill("z");
    reader.push(bytes("d\n"));
    expect(drain(reader)).toEqual([text("abcd")]);
  });
});

/** The same rules, byte by byte over the whole stream and without any of the reader's short cuts. */
function referenceLines(stream: Buffer, max: number): Read[] {
  const plain: number[] = [];
  for (let i = 0; i < stream.length; i++) {
    const [byte = 0, next = 0] = stream.subarray(i, i + 2);
    if (byte !== IAC) plain.push(byte);
    else if (next === IAC && i + 1 < stream.length) plain.push(stream[++i] ?? 0);
    else if (next >= WILL && next <= DONT) i += 2;
    else if (next === SB) {
      for (i += 2; i < stream.length && !(stream[i] === IAC && stream[i + 1] === SE); i++) {
        if (stream[i] === IAC) i++;
      }
      i++;
    } else i++;
  }

  const lines: number[][] = [[]];
  for (let i = 0; i < plain.length; i++) {
    const endsWithCr =
      plain[i] === 13 && (plain[i + 1] === 10 || plain[i + 1] === 0 || i + 1 === plain.length);
    if (endsWithCr) i++;
    if (endsWithCr || plain[i] === 10) lines.push([]);
    else lines.at(-1)?.push(plain[i] ?? 0);
  }
  if (lines.at(-1)?.length === 0) lines.pop();

  return lines.map((line) => {
    if (line.length > max) return tooLong;
    try {
      const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(line),
      );
      const isControl = (c: string): boolean => c < " " || (c >= "\x7f" && c <= "\x9f");
      return text(Array.from(decoded, (c) => (c === "\t" ? " " : isControl(c) ? "" : c)).join(""));
    } catch {
      return invalidUtf8;
    }
  });
}

describe("any stream in any chunks", () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(10, 13, 0, 9, 27, IAC, SB, SE, WILL, DONT, 0x80, 0xc2, 0xe9) },
    { weight: 2, arbitrary: fc.constantFrom("abc", "abcdefgh", "é", "👧", "\r\n", "\r\0", "\ufffd") },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
    { weight: 1, arbitrary: fc.constantFrom(bytes(IAC, DO, 10), bytes(IAC, SB, 1, 10, IAC, IAC, IAC, SE)) },
  );
  const stream = fc.array(piece, { maxLength: 60, size: "max" }).map((pieces) => bytes(...pieces));
  const places = fc.array(fc.nat(100), { maxLength: 20 });

  it("gives the lines of the reference", () => {
    fc.assert(
      fc.property(stream, places, fc.constantFrom(1, 4, 8, 4096), (sent, cuts, max) => {
        const chunks = cut(
          sent,
          cuts.map((place) => Math.min(place, sent.length)),
        );
        expect(linesOf(chunks, max)).toEqual(referenceLines(sent, max));
      }),
      { numRuns: 5000 },
    );
  });

  it("gives the same lines to a caller that takes them all at the end", () => {
    fc.assert(
      fc.property(stream, places, (sent, cuts) => {
        const reader = new LineReader(8);
        for (const chunk of cut(
          sent,
          cuts.map((place) => Math.min(place, sent.length)),
        ))
          reader.push(chunk);
        reader.end();
        expect(drain(reader)).toEqual(linesOf([sent], 8));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a plain line", () => {
  it("stays as it is while more comes", () => {
    const reader = new LineReader(maxLineBytes);
    const lines: TextLine[] = [];
    for (const chunk of ["fi", "rst\nsec", "ond\nthird\nfo", "urth\n"]) {
      reader.push(bytes(chunk));
      for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push(line as TextLine);
    }
    expect(lines.map(({ kind }) => kind)).toEqual(["plain", "plain", "plain", "plain"]);
    expect(lines.map(textOf)).toEqual(["first", "second", "third", "fourth"]);
  });

  it("is one that JSON takes as it is, of printable ASCII characters alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (typed) => {
        fc.pre(!/[\n\r\0\ud800-\udfff]/.test(typed));
        const reader = new LineReader(maxLineBytes);
        reader.push(bytes(typed, "\r\n"));
        const isPlain = /^[ -~]*$/.test(typed) && JSON.stringify(typed) === `"${typed}"`;
        expect(reader.next()?.kind).toBe(isPlain ? "plain" : "text");
      }),
    );
  });
});
