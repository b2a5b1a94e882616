import { expect, it } from "vitest";
import { roomIdProblem, userIdProblem } from "../../../src/chat/names.ts";

const roomRule = "a room id is 1 to 64 letters, digits, _ or -";
const userRule = "a user id is 1 to 32 letters, digits, _ . or -";

it.each(["a", "general", "A-Z_09", "-", "_", "r".repeat(64), "constructor"])("%s can be a room", (id) => {
  expect(roomIdProblem(id)).toBeUndefined();
});

it.each([
  "",
  "r".repeat(65),
  "a b",
  "a.b",
  "a*",
  ">",
  "a:b",
  "a,b",
  "é",
  "Ａ",
  "general\n",
  "\ngeneral",
  "a\nb",
])("%j cannot be a room", (id) => {
  expect(roomIdProblem(id)).toBe(roomRule);
});

it("the subject of the queue is no room", () => {
  expect(roomIdProblem("global_messages")).toBe("the room id global_messages is reserved");
  expect(roomIdProblem("Global_messages")).toBeUndefined();
});

it.each(["a", "alice", "A.b-c_9", ".", "u".repeat(32)])("%s can be a user", (id) => {
  expect(userIdProblem(id)).toBeUndefined();
});

it.each(["", "u".repeat(33), "a b", "a:b", "a,b", "é", "alice\n", "\nalice", "a\u202eb"])(
  "%j cannot be a user",
  (id) => {
    expect(userIdProblem(id)).toBe(userRule);
  },
);
