import { expect, test } from "vitest";
import { FrameReader } from "../../support/nats-frame.ts";

// A payload may look like anything, a control line too.
const frames = [
  'INFO {"server_id":"a","max_payload":1048576} \r\n',
  "PING\r\n",
  "MSG live.a 1 5\r\nPING\n\r\n",
  "MSG live.a 1 _INBOX.b 0\r\n\r\n",
  "HMSG live.a 12 12 23\r\nNATS/1.0\r\n\r\n\r\nMSG a 1 9\r\n",
  "HPUB room.a _INBOX.b 12 12\r\nNATS/1.0\r\n\r\n\r\n",
  "PUB\troom.a\t4\r\n\r\n\r\n\r\n",
  "RMSG $G live.a | b 7\r\nzw\u00f6lf!\r\n",
  "+OK\r\n",
];
const all = Buffer.from(frames.join(""));

test("frames are read the same however their bytes arrive", () => {
  for (let size = 1; size <= all.length; size++) {
    const reader = new FrameReader();
    const read = [];
    for (let start = 0; start < all.length; start += size)
      read.push(...reader.read(all.subarray(start, start + size)));
    expect(read.map(({ bytes }) => bytes.toString())).toEqual(frames);
  }
});

test("a frame is told with its operation and the words of its control line", () => {
  const read = new FrameReader().read(all);
  expect(read.map(({ operation }) => operation)).toEqual(
    "INFO PING MSG MSG HMSG HPUB PUB RMSG +OK".split(" "),
  );
  expect(read[5]?.args).toEqual(["room.a", "_INBOX.b", "12", "12"]);
  expect(read[7]?.args).toEqual(["$G", "live.a", "|", "b", "7"]);
});
