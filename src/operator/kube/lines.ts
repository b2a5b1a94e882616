/** Cuts a stream of bytes into lines of at most `limit` bytes. Half a line at its end is an error: it was cut off. */
export async function* readLines(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      check(length + end - from, limit);
      parts.push(chunk.subarray(from, end));
      yield Buffer.concat(parts).toString();
      parts = [];
      length = 0;
      from = end + 1;
    }
    length += chunk.length - from;
    check(length, limit);
    parts.push(chunk.subarray(from));
  }
  if (length > 0) throw new Error("the answer ended in the middle of a line");
}

function check(length: number, limit: number): void {
  if (length > limit) throw new Error(`a line is longer than ${limit} bytes`);
}
