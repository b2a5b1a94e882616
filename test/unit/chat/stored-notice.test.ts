import { expect, it } from "vitest";
import { decodeStoredNotice, encodeStoredNotice } from "../../../src/chat/stored-notice.ts";

const notice = {
  partition: 3,
  counter: 42,
  created: "2026-01-02T10:00:00Z",
  rooms: [
    ["general", 17, "p:1:1", "1,2"],
    ["random", 18, "p:1:1,q:2:2", ""],
  ],
} as const;

it("is read as it was written", () => {
  expect(decodeStoredNotice(encodeStoredNotice(notice))).toEqual(notice);
  const refused = { ...notice, rooms: [], refused: [["general", "too large"]] } as const;
  expect(decodeStoredNotice(encodeStoredNotice(refused))).toEqual(refused);
});

it.each([
  "",
  "hello",
  "null",
  "1",
  "[]",
  "{}",
  '{"rooms":[]}',
  '{"counter":1}',
  '{"counter":"1","rooms":[]}',
  '{"counter":1.5,"rooms":[]}',
  '{"counter":1,"rooms":{}}',
  encodeStoredNotice(notice).slice(0, -1),
])("is not %j", (text) => {
  expect(decodeStoredNotice(text)).toBeUndefined();
});

it("is none when its lists cannot be taken apart: what throws at that ends a server and every worker", () => {
  const broken = [
    { rooms: [null] },
    { rooms: [1] },
    { rooms: [...notice.rooms, {}] },
    { rooms: [["general", 17, 5]] },
    { refused: {} },
    { refused: [null] },
  ];
  const taken = broken.filter(
    (parts) => decodeStoredNotice(JSON.stringify({ ...notice, ...parts })) !== undefined,
  );
  expect(taken).toEqual([]);
});
