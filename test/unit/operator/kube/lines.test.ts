import fc from "fast-check";
import { expect, test } from "vitest";
import { readLines } from "../../../../src/operator/kube/lines.ts";

async function linesOf(chunks: readonly Buffer[], limit = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(streamOf(chunks), limit)) lines.push(line);
  return lines;
}

async function* streamOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

test("lines are the same wherever the stream is cut into chunks", async () => {
  const text = fc.array(fc.string({ unit: "grapheme" }).filter((line) => !line.includes("\n")));
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat()), async (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
        (a, b) => a - b,
      );
      const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      expect(await linesOf(chunks)).toEqual(lines);
    }),
  );
});

test("half a line at the end is an error, after the whole ones before it", async () => {
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const line of readLines(streamOf([Buffer.from("one\ntw")]), 100)) lines.push(line);
  };
  await expect(read()).rejects.toThrow("the answer ended in the middle of a line");
  expect(lines).toEqual(["one"]);
});

test("a line that is too long is an error, also before its end has come", async () => {
  const chunks = [Buffer.from("x".repeat(6)), Buffer.from("x".repeat(6))];
  await expect(linesOf(chunks, 10)).rejects.toThrow("a line is longer than 10 bytes");
  await expect(linesOf([Buffer.from(`${"x".repeat(11)}\n`)], 10)).rejects.toThrow(
    "a line is longer than 10 bytes",
  );
});
