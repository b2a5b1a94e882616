import { describe, expect, test } from "vitest";
import { ChatClient } from "../support/chat-client.ts";
import { newRoom, runCluster, welcome } from "../support/cluster.ts";

// Far from UTC, so that a local time would show.
const cluster = runCluster({
  spec: { server: { replicas: 1, limits: { messagesPerSecond: 0 } } },
  environment: { TZ: "Asia/Kathmandu" },
});

const commandList = "Available commands: join <room_id>, send <message>, users, history, exit\n";
const roomIdError = "Error: a room id is 1 to 64 letters, digits, _ or -\n";
const userIdError = "Error: a user id is 1 to 32 letters, digits, _ . or -\n";
const tooLongError = "Error: your line is longer than 4096 bytes, it was skipped\n";
const utf8Error = "Error: your line is not valid UTF-8 text, it was skipped\n";

const time = String.raw`\[\d\d:\d\d:\d\d\]`;
const dateAndTime = String.raw`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]`;

/** What was received, with every time in it made the same. */
const timeless = (text: string): string =>
  text.replaceAll(new RegExp(dateAndTime, "g"), "[date time]").replaceAll(new RegExp(time, "g"), "[time]");

/** Expects exactly this, times left aside, as the answer to everything that was typed so far. */
async function expectAnswers(client: ChatClient, expected: string): Promise<void> {
  const last = `Unknown command: no-more\n${commandList}`;
  client.type("no-more");
  expect(timeless(await client.upTo(last))).toBe(expected + last);
}

/** Resolves when the server has read everything that any client has written before. */
async function serverHasRead(): Promise<void> {
  const client = await cluster.connect();
  // The answer shows that the system has told the server of all that was written before; at the next answer
  // the server has also taken it.
  for (let turn = 0; turn < 2; turn++) {
    client.type("help");
    await client.reads(commandList);
  }
  client.close();
}

describe("the dialogue", () => {
  test("is as a person at nc sees it, byte for byte", async () => {
    const begun = new Date().toISOString().slice(0, 19).replace("T", " ");
    const alice = await ChatClient.connect(cluster.port);
    await alice.reads(
      "Welcome to the DisRoom\nAvailable commands: join <room_id>, send <message>, users, history, exit\n",
    );
    alice.type("join general");
    await alice.reads("Enter your user ID: ");
    alice.type("alice");
    await alice.reads("Joined room general as alice\n");
    const bob = await cluster.member("general", "bob");
    await alice.reads("* bob joined general\n");

    alice.type("send Hello everyone!");
    const [line, sent] = await alice.line(/^\[(\d\d:\d\d:\d\d)\] alice: Hello everyone!$/);
    await bob.reads(`${line}\n`);
    alice.type("users");
    await alice.reads("Users in general: alice, bob\n");
    alice.type("history");
    const [, stored = ""] = await alice.line(/^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] alice: Hello everyone!$/);
    const now = new Date().toISOString().slice(0, 19).replace("T", " ");
    expect(stored >= begun && stored <= now, `${stored} UTC`).toBe(true);
    expect(stored.slice(11)).toBe(sent);

    alice.type("exit");
    await alice.reads("Goodbye!\n");
    expect(await alice.ended()).toBe("");
    await bob.reads("* alice left general\n");
    expect(timeless(alice.text)).toBe(
      `${welcome}Enter your user ID: Joined room general as alice\n* bob joined general\n` +
        "[time] alice: Hello everyone!\nUsers in general: alice, bob\n[date time] alice: Hello everyone!\nGoodbye!\n",
    );
  });

  test("ends with exit, whatever was typed behind it", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    alice.write(`exit\nsend too late\n${"x".repeat(1_000_000)}`);
    expect(await alice.ended()).toBe("Goodbye!\n");
    const bob = await cluster.member(room, "bob");
    bob.type("history");
    await bob.reads(`No messages in ${room} yet\n`);
  });

  test("works with bytes that come one at a time", async () => {
    const room = newRoom();
    const client = await cluster.connect();
    for (const byte of Buffer.from(`join ${room}\nalice\nsend über 😀\nexit\n`)) {
      client.write(Buffer.of(byte));
      await serverHasRead();
    }
    expect(timeless(await client.ended())).toBe(
      `Enter your user ID: Joined room ${room} as alice\n[time] alice: über 😀\nGoodbye!\n`,
    );
  });
});

describe("what comes back reads in the order of what was typed", () => {
  test("when everything is sent at once", async () => {
    const [room, other] = [newRoom(), newRoom()];
    const client = await ChatClient.connect(cluster.port);
    client.type(
      `join ${room}`,
      "alice",
      "send one",
      "users",
      "send two",
      "history",
      "send three",
      "nonsense",
      "send four",
      `join ${other} alice`,
      "send five",
      "help",
      "send six",
      "exit",
    );
    expect(timeless(await client.ended())).toBe(
      `${welcome}Enter your user ID: Joined room ${room} as alice\n` +
        `[time] alice: one\nUsers in ${room}: alice\n` +
        "[time] alice: two\n[date time] alice: one\n[date time] alice: two\n" +
        `[time] alice: three\nUnknown command: nonsense\n${commandList}` +
        `[time] alice: four\nJoined room ${other} as alice\n` +
        `[time] alice: five\n${commandList}[time] alice: six\nGoodbye!\n`,
    );
  });

  test("when lines that cannot be read stand between", async () => {
    const alice = await cluster.member(newRoom(), "alice");
    alice.write(
      Buffer.concat([
        Buffer.from(`send one\nsend ${"x".repeat(5000)}\nsend two\nsend \xe9`, "latin1"),
        Buffer.from("\nsend three\nexit\n"),
      ]),
    );
    expect(timeless(await alice.ended())).toBe(
      `[time] alice: one\n${tooLongError}[time] alice: two\n${utf8Error}[time] alice: three\nGoodbye!\n`,
    );
  });

  test("for all members alike, when many send at once", async () => {
    const room = newRoom();
    const members = await Promise.all(["a", "b", "c"].map((user) => cluster.member(room, user)));
    // Everyone has seen everyone: only messages follow.
    for (const member of members) {
      member.type("users");
      await member.line(`Users in ${room}: a, b, c`);
    }
    const texts = Array.from({ length: 200 }, (_, number) => `text ${number}`);
    for (const member of members) member.type(...texts.map((text) => `send ${text}`));
    const heard = await Promise.all(
      members.map(async (member) => {
        const lines: string[] = [];
        while (lines.length < 600) lines.push((await member.line(/^\[/))[0]);
        return lines;
      }),
    );
    for (const lines of heard) expect(lines).toEqual(heard[0]);
    for (const user of ["a", "b", "c"]) {
      const own = heard[0]?.filter((line) => line.includes(`] ${user}: `));
      expect(own?.map((line) => line.slice("[00:00:00] a: ".length))).toEqual(texts);
    }
  });
});

describe("coming and going", () => {
  test("is seen by the others in the room and not by oneself", async () => {
    const [room, other] = [newRoom(), newRoom()];
    const alice = await cluster.member(room, "alice");
    const elsewhere = await cluster.member(other, "elsewhere");
    const bob = await cluster.member(room, "bob");
    await alice.reads(`* bob joined ${room}\n`);
    bob.type(`join ${other} bob`);
    await bob.reads(`Joined room ${other} as bob\n`);
    await alice.reads(`* bob left ${room}\n`);
    await elsewhere.reads(`* bob joined ${other}\n`);
    bob.type("exit");
    await elsewhere.reads(`* bob left ${other}\n`);
    expect(await bob.ended()).toBe("Goodbye!\n");
    await expectAnswers(alice, "");
    await expectAnswers(elsewhere, "");
  });

  test.each(["close", "breakOff"] as const)(
    "is seen when a connection ends without a word: %s",
    async (end) => {
      const room = newRoom();
      const alice = await cluster.member(room, "alice");
      const bob = await cluster.member(room, "bob");
      await alice.reads(`* bob joined ${room}\n`);
      bob[end]();
      await alice.reads(`* bob left ${room}\n`);
      alice.type("users");
      await alice.reads(`Users in ${room}: alice\n`);
    },
  );

  test("a second join leaves the first room, in one line or two", async () => {
    const [first, second, third] = [newRoom(), newRoom(), newRoom()];
    const stays = await cluster.member(first, "stays");
    const moves = await cluster.member(first, "moves");
    await stays.reads(`* moves joined ${first}\n`);
    moves.type(`join ${second} moves`);
    await moves.reads(`Joined room ${second} as moves\n`);
    await stays.reads(`* moves left ${first}\n`);
    stays.type("send to the first", "users");
    await stays.line(`Users in ${first}: stays`);
    moves.type("send to the second");
    await expectAnswers(moves, "[time] moves: to the second\n");
    moves.type(`join ${third}`);
    await moves.reads("Enter your user ID: ");
    moves.type("renamed", "users");
    await moves.reads(`Joined room ${third} as renamed\nUsers in ${third}: renamed\n`);
    await expectAnswers(stays, "");
  });

  test("a join that fails leaves everything as it was", async () => {
    const room = newRoom();
    const watcher = await cluster.member(room, "watcher");
    const alice = await cluster.member(room, "alice");
    await watcher.reads(`* alice joined ${room}\n`);
    alice.type(
      "join no!room",
      `join ${newRoom()} no!user`,
      `join ${newRoom()}`,
      "no!user",
      "users",
      "send still here",
    );
    await alice.reads(
      `${roomIdError}${userIdError}Enter your user ID: ${userIdError}Users in ${room}: alice, watcher\n`,
    );
    await watcher.line(/alice: still here$/);
    expect(watcher.text).not.toContain("left");
  });

  test("two devices of one user are listed once, until the last of them leaves", async () => {
    const room = newRoom();
    const bob = await cluster.member(room, "bob");
    const phone = await cluster.member(room, "alice");
    await bob.reads(`* alice joined ${room}\n`);
    const laptop = await cluster.member(room, "alice");
    laptop.type("users", "send from the laptop");
    await laptop.reads(`Users in ${room}: alice, bob\n`);
    await laptop.line(/alice: from the laptop$/);
    await phone.line(/alice: from the laptop$/);
    phone.type("exit");
    await phone.reads("Goodbye!\n");
    await phone.ended();
    bob.type("users");
    await bob.line(`Users in ${room}: alice, bob`);
    laptop.type("exit");
    await bob.reads(`* alice left ${room}\n`);
    bob.type("users");
    await bob.reads(`Users in ${room}: bob\n`);
    expect(bob.text.match(/^\* alice/gm)).toHaveLength(2);
    expect(phone.text + laptop.text).not.toContain("*");
  });
});

describe("answers", () => {
  test.each([
    ["send hello", "Join a room first\n"],
    ["users", "Join a room first\n"],
    ["history", "Join a room first\n"],
    ["help", commandList],
    ["x", `Unknown command: x\n${commandList}`],
    ["leave general", `Unknown command: leave\n${commandList}`],
    ["JOIN general", `Unknown command: JOIN\n${commandList}`],
    ["Send hello", `Unknown command: Send\n${commandList}`],
    ["sendhello", `Unknown command: sendhello\n${commandList}`],
    ["join", "Usage: join <room_id> [user_id]\n"],
    ["join general alice too", "Usage: join <room_id> [user_id]\n"],
    ["send", "Usage: send <message>\n"],
    ["send   ", "Usage: send <message>\n"],
    ["users please", "Usage: users\n"],
    ["history 5", "Usage: history\n"],
    ["help me", "Usage: help\n"],
    ["exit now", "Usage: exit\n"],
    ["", ""],
    ["   ", ""],
    ["  help", commandList],
  ])("outside a room, %j gets %j", async (line, answer) => {
    const client = await cluster.connect();
    client.type(line);
    await expectAnswers(client, answer);
  });

  test("an unknown word that is long is shown in part", async () => {
    const client = await cluster.connect();
    client.type("x".repeat(4000));
    await client.reads(`Unknown command: ${"x".repeat(40)}...\n${commandList}`);
  });

  test("an unknown word is not cut within a character", async () => {
    const client = await cluster.connect();
    client.type(`x${"😀".repeat(100)}`);
    const [, shown = ""] = await client.line(/^Unknown command: (.*)\.\.\.$/);
    expect(shown).toMatch(/^x(😀)+$/u);
  });

  test("history is the last 100 messages, oldest first, the same for everyone, as often as asked", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const numbers = Array.from({ length: 250 }, (_, number) => number + 1);
    alice.type(...numbers.slice(0, 130).map((number) => `send ${number}`), "help");
    await alice.line(commandList.trimEnd());
    alice.type(...numbers.slice(130).map((number) => `send ${number}`), "help");
    await alice.line(commandList.trimEnd());
    const bob = await cluster.member(room, "bob");
    await alice.reads(`* bob joined ${room}\n`);

    const last = numbers.slice(-100).map((number) => `[date time] alice: ${number}\n`);
    alice.type("history", "history");
    await expectAnswers(alice, last.join("").repeat(2));
    bob.type("history");
    await expectAnswers(bob, last.join(""));
  });

  test("who joins sees what is said from then on", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    alice.type("send before");
    await alice.line(/before$/);
    const bob = await cluster.member(room, "bob");
    await alice.reads(`* bob joined ${room}\n`);
    alice.type("send after");
    await bob.line(/after$/);
    await expectAnswers(bob, "");
    expect(bob.text).not.toContain("before");
  });

  test("who joins a room that everybody has left sees what is said from then on", async () => {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    alice.type("send before", "exit");
    await alice.ended();
    const bob = await cluster.member(room, "bob");
    bob.type("send after");
    await bob.line(/after$/);
    await expectAnswers(bob, "");
    expect(bob.text).not.toContain("before");
  });
});

test("who joins while others talk misses nothing from then on, and sees nothing twice", async () => {
  const room = newRoom();
  const alice = await cluster.member(room, "alice");
  const step = 10;
  let said = 0;
  let talking = true;
  const talk = async (): Promise<void> => {
    for (; talking; said += step) {
      alice.type(...Array.from({ length: step }, (_, number) => `send ${said + number}`));
      await alice.line(new RegExp(` alice: ${said + step - 1}$`));
    }
  };
  const talked = talk();
  const joined: ChatClient[] = [];
  while (joined.length < 20) joined.push(await cluster.member(room, `user-${joined.length}`));
  talking = false;
  await talked;
  for (const client of joined) {
    client.type("exit");
    await client.ended();
    const heard = [...client.text.matchAll(/ alice: (\d+)$/gm)].map(([, number]) => Number(number));
    const [first = said] = heard;
    expect(heard).toEqual(Array.from({ length: said - first }, (_, number) => first + number));
  }
});

describe("ids", () => {
  const goodRooms = ["a", "Z_9-", "global-messages", "A".repeat(64)];
  const goodUsers = ["a", "Z_9-.b", "global_messages", "A".repeat(32)];
  const badRooms = ["a".repeat(65), "a.b", "room/1", "*", ">", "$JS", "räume", "房间", "a:b", "\\", '"'];
  const badUsers = ["a".repeat(33), "a/b", "*", ">", "a:b", "zoë", "愛", "a,b", "\\", '"'];

  test.each(goodRooms)("%j is a room", async (room) => {
    const client = await cluster.member(room, "alice");
    client.type("send hello", "users");
    await client.line(/alice: hello$/);
    await client.reads(`Users in ${room}: alice\n`);
  });

  test.each(goodUsers)("%j is a user", async (user) => {
    const room = newRoom();
    const client = await cluster.member(room, user);
    client.type("send hello", "users");
    await client.line(`Users in ${room}: ${user}`);
    expect(timeless(client.text)).toContain(`\n[time] ${user}: hello\n`);
  });

  test.each(badRooms)("%j is no room", async (room) => {
    const client = await cluster.connect();
    client.type(`join ${room}`, `join ${room} alice`, "users");
    await client.reads(`${roomIdError}${roomIdError}Join a room first\n`);
  });

  test("global_messages is reserved", async () => {
    const client = await cluster.connect();
    client.type("join global_messages", "join global_messages alice", "users");
    const error = "Error: the room id global_messages is reserved\n";
    await client.reads(`${error}${error}Join a room first\n`);
  });

  test.each(badUsers)("%j is no user", async (user) => {
    const room = newRoom();
    const client = await cluster.connect();
    client.type(`join ${room} ${user}`, `join ${room}`, user, "users", `join ${room} alice`);
    await client.reads(
      `${userIdError}Enter your user ID: ${userIdError}Join a room first\nJoined room ${room} as alice\n`,
    );
  });

  test.each(["", "two words"])("%j is no user when asked for one", async (user) => {
    const client = await cluster.connect();
    client.type(`join ${newRoom()}`, user, "users");
    await client.reads(`Enter your user ID: ${userIdError}Join a room first\n`);
  });

  test("spaces around what one is asked for do not count", async () => {
    const room = newRoom();
    const client = await cluster.connect();
    client.type(`  join   ${room}  `, "  alice  ");
    await client.reads(`Enter your user ID: Joined room ${room} as alice\n`);
  });

  test("differ in case", async () => {
    const room = newRoom();
    const lower = await cluster.member(room, "alice");
    const upper = await cluster.member(room, "Alice");
    await lower.reads(`* Alice joined ${room}\n`);
    lower.type("users");
    await lower.reads(`Users in ${room}: Alice, alice\n`);
    const otherRoom = await cluster.member(room.toUpperCase(), "alice");
    otherRoom.type("users", "history");
    await otherRoom.reads(
      `Users in ${room.toUpperCase()}: alice\nNo messages in ${room.toUpperCase()} yet\n`,
    );
    await expectAnswers(upper, "");
  });
});

describe("the text of a message", () => {
  /** Types a line and expects this text at its sender, at another member and in the history, byte for byte. */
  async function expectText(typed: string, text: string): Promise<void> {
    const room = newRoom();
    const alice = await cluster.member(room, "alice");
    const bob = await cluster.member(room, "bob");
    await alice.reads(`* bob joined ${room}\n`);
    alice.type(typed);
    const [line, sent] = await bob.line(/^\[(.{8})\] /);
    expect(line).toBe(`[${sent}] alice: ${text}`);
    await alice.reads(Buffer.from(`[${sent}] alice: ${text}\n`));
    bob.type("history");
    const [storedLine, stored] = await bob.line(/^\[(.{19})\] /);
    expect(storedLine).toBe(`[${stored}] alice: ${text}`);
    alice.type("history");
    await alice.reads(Buffer.from(`[${stored}] alice: ${text}\n`));
  }

  test.each([
    ["send Hello everyone!", "Hello everyone!"],
    ["send   three   spaces   ", "  three   spaces   "],
    ["  send x", "x"],
    ["send send exit", "send exit"],
    ['send {"room_id":"other"} \\n \\u0000 "', '{"room_id":"other"} \\n \\u0000 "'],
    ["send a\tb", "a b"],
    ["send مرحبا بالعالم، كيف حالك؟", "مرحبا بالعالم، كيف حالك؟"],
    ["send 你好，世界。𠀋", "你好，世界。𠀋"],
    ["send 👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 é 🇫🇷", "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 é 🇫🇷"],
    ["send \ufffd \u2028 \ufeff", "\ufffd \u2028 \ufeff"],
  ])("of %j is %j", expectText);

  test.each([
    ["a screen that is cleared", "send \x1b[2J\x1b[Hgone", "[2J[Hgone"],
    ["a title", "send \x1b]0;title\x07text", "]0;titletext"],
    ["C1 controls", "send \u009b31mred\u0085\u0090", "31mred"],
    ["a line within the line", "send real\r[00:00:00] bob: forged", "real[00:00:00] bob: forged"],
    ["BEL, BS, VT, FF, DEL and NUL", "send a\x07b\x08c\x0bd\x0ce\x7ff\0g", "abcdefg"],
  ])("cannot drive another's terminal with %s", (_, line, text) => expectText(line, text));

  test("of nothing but control characters is none", async () => {
    const client = await cluster.member(newRoom(), "alice");
    client.type("send \x1b\x07");
    await expectAnswers(client, "Usage: send <message>\n");
  });

  test("is shown without control characters where a command is unknown, too", async () => {
    const client = await cluster.connect();
    client.type("\x1b[2Jx\x07");
    await client.reads(`Unknown command: [2Jx\n${commandList}`);
  });

  test.each([
    ["Latin-1", [0xe9]],
    ["a character cut short", [0xe2, 0x82]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a character beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a continuation alone", [0x80]],
    ["telnet's byte 255", [0xff, 0xff]],
  ])("must be UTF-8: %s", async (_, bytes) => {
    const alice = await cluster.member(newRoom(), "alice");
    alice.write(Buffer.concat([Buffer.from("send x"), Buffer.from(bytes), Buffer.from("y\nsend next\n")]));
    await alice.reads(utf8Error);
    await alice.line(/alice: next$/);
    await expectAnswers(alice, "");
  });
});

describe("lines", () => {
  test("end in LF, CR LF or CR NUL", async () => {
    const room = newRoom();
    const client = await cluster.connect();
    client.write(`join ${room} alice\r\nsend one\nsend two\r\0send three\r\n\r\0\n\r\nsend four\r\0exit\r\n`);
    expect(timeless(await client.ended())).toBe(
      `Joined room ${room} as alice\n[time] alice: one\n[time] alice: two\n` +
        "[time] alice: three\n[time] alice: four\nGoodbye!\n",
    );
  });

  const multibyte = `${"é".repeat(2045)}x`;
  test.each([
    ["LF", "x".repeat(4091), "\n"],
    ["CR LF", "x".repeat(4091), "\r\n"],
    ["CR NUL", "x".repeat(4091), "\r\0"],
    ["LF, of characters with two bytes", multibyte, "\n"],
  ])("of 4,096 bytes work, of 4,097 get an error and are skipped whole: %s", async (_, text, end) => {
    const alice = await cluster.member(newRoom(), "alice");
    alice.write(`send ${text}${end}`);
    await alice.line(new RegExp(`^${time} alice: ${text}$`));
    alice.write(`send ${text}y${end}`);
    await alice.reads(tooLongError);
    alice.write(`send next${end}`);
    await alice.line(new RegExp(`^${time} alice: next$`));
    await expectAnswers(alice, "");
  });

  test("that never seem to end get one error, and the next line works", async () => {
    const alice = await cluster.member(newRoom(), "alice");
    alice.write(`send ${"exit ".repeat(1_000_000)}`);
    await alice.reads(tooLongError);
    alice.write("send\nsend next\n");
    await alice.line(/alice: next$/);
    await expectAnswers(alice, "");
  });

  test("may be cut at any byte, telnet's negotiation and wide characters included", async () => {
    const [IAC, SE, NOP, SB, WILL, DO] = [255, 240, 241, 250, 251, 253];
    // With options that look like text and line ends, so that a byte too many or too few shows.
    const stream = Buffer.concat([
      Buffer.from([IAC, WILL, 34, ...Buffer.from("send a"), IAC, DO, 10, ...Buffer.from("b 😀 ")]),
      Buffer.from([...Buffer.from("é").subarray(0, 1), IAC, NOP, ...Buffer.from("é").subarray(1)]),
      Buffer.from([IAC, SB, 24, 10, 65, IAC, IAC, SE, IAC, SE, ...Buffer.from("c\r"), IAC, WILL, 3, 10]),
      Buffer.from([...Buffer.from("send d\r"), IAC, SB, 0, IAC, SE, 0, ...Buffer.from("exit\r\n")]),
    ]);
    const cut = async (place: number) => {
      const client = await cluster.member(newRoom(), "alice");
      client.write(stream.subarray(0, place));
      return { client, rest: stream.subarray(place) };
    };
    const cuts = await Promise.all(Array.from(stream, (_, place) => cut(place)));
    await serverHasRead();
    for (const { client, rest } of cuts) client.write(rest);
    for (const [place, { client }] of cuts.entries()) {
      expect(timeless(await client.ended()), `cut before byte ${place}`).toBe(
        "[time] alice: ab 😀 éc\n[time] alice: d\nGoodbye!\n",
      );
    }
  });
});

describe("a client that closes its sending side", () => {
  test.each([
    ["with a line end", "\n"],
    ["without a line end", ""],
    ["with a line end that is cut short", "\r"],
  ])("gets all its answers first, then the end: %s", async (_, end) => {
    const room = newRoom();
    const client = await ChatClient.connect(cluster.port);
    client.write(`join ${room}\nalice\nsend one\nsend two\nusers\nhistory\nsend last${end}`);
    client.endSending();
    expect(timeless(await client.ended())).toBe(
      `${welcome}Enter your user ID: Joined room ${room} as alice\n[time] alice: one\n[time] alice: two\n` +
        `Users in ${room}: alice\n[date time] alice: one\n[date time] alice: two\n[time] alice: last\n`,
    );
  });

  test("gets the echo of a long message, and of each of many", async () => {
    const alice = await cluster.member(newRoom(), "alice");
    const texts = Array.from({ length: 500 }, (_, number) => `${number} ${"long ".repeat(100)}`);
    alice.type(...texts.map((text) => `send ${text}`));
    alice.endSending();
    expect(timeless(await alice.ended())).toBe(texts.map((text) => `[time] alice: ${text}\n`).join(""));
  });

  test("leaves its room", async () => {
    const room = newRoom();
    const bob = await cluster.member(room, "bob");
    const alice = await cluster.member(room, "alice");
    alice.endSending();
    await bob.reads(`* alice joined ${room}\n* alice left ${room}\n`);
    expect(await alice.ended()).toBe("");
  });

  test.each(["", "join general\n", "\n\n"])("having typed %j", async (typed) => {
    const client = await cluster.connect();
    client.write(typed);
    client.endSending();
    expect(await client.ended()).toBe(typed.startsWith("join") ? "Enter your user ID: " : "");
  });

  test("in the middle of a line that is too long gets its error", async () => {
    const client = await cluster.connect();
    client.write("x".repeat(5000));
    client.endSending();
    expect(await client.ended()).toBe(tooLongError);
  });
});
