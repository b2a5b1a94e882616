import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatClient } from "../support/chat-client.ts";
import { type ClientProgram, runClient } from "../support/client-program.ts";
import { newRoom, runCluster, welcome } from "../support/cluster.ts";

// The default of 20 messages per second would pace the longest test to half a minute.
const cluster = runCluster({ spec: { server: { replicas: 2, limits: { messagesPerSecond: 1000 } } } });

const nc = (...flags: string[]): ClientProgram => runClient("nc", ...flags, "127.0.0.1", `${cluster.port}`);
const telnet = (): ClientProgram => runClient("telnet", "127.0.0.1", `${cluster.port}`);
/** telnet with a terminal, as a person has it. What is typed is shown, and line ends are CR LF. */
const telnetOnTerminal = (): ClientProgram =>
  runClient("script", "-qec", `telnet 127.0.0.1 ${cluster.port}`, "/dev/null");

const time = String.raw`\[\d\d:\d\d:\d\d\]`;
const timeless = (text: string): string => text.replaceAll(new RegExp(time, "g"), "[time]");

test("members of two servers see each other come and go", async () => {
  const room = newRoom();
  // Enough to be on both, whatever the system chooses.
  const clients = await Promise.all(Array.from({ length: 20 }, () => cluster.connect()));
  const user = (index: number): string => `user-${index}`;
  for (const [index, client] of clients.entries()) {
    client.type(`join ${room} ${user(index)}`);
    await client.reads(`Joined room ${room} as ${user(index)}\n`);
    client.type("users");
    const everyone = clients.slice(0, index + 1).map((_, other) => user(other));
    await client.line(`Users in ${room}: ${everyone.toSorted().join(", ")}`);
  }
  for (const [index, client] of clients.entries()) {
    for (let later = index + 1; later < clients.length; later++) {
      await client.line(`* ${user(later)} joined ${room}`);
    }
  }
  for (const [index, client] of clients.entries()) {
    client.type("exit");
    await client.line("Goodbye!");
    for (const other of clients.slice(index + 1)) await other.line(`* ${user(index)} left ${room}`);
  }
});

test("two devices of one user on two servers are listed once, until the last of them leaves", async () => {
  const room = newRoom();
  const bob = await cluster.member(room, "bob", "server-1");
  const phone = await cluster.member(room, "alice", "server-1");
  await bob.line(`* alice joined ${room}`);
  const laptop = await cluster.member(room, "alice", "server-2");
  laptop.type("users");
  await laptop.reads(`Users in ${room}: alice, bob\n`);
  phone.type("exit");
  await phone.line("Goodbye!");
  await phone.ended();
  bob.type("users");
  await bob.reads(`Users in ${room}: alice, bob\n`);
  laptop.type("exit");
  await bob.reads(`* alice left ${room}\n`);
  bob.type("users");
  await bob.reads(`Users in ${room}: bob\n`);
});

describe("nc and telnet", () => {
  test("chat with each other", async () => {
    const room = newRoom();
    const netcat = nc();
    netcat.type(`join ${room}`);
    await netcat.prints("Enter your user ID: ");
    netcat.type("ned");
    await netcat.prints(`Joined room ${room} as ned\n`);
    netcat.type("users");
    await netcat.prints(`Users in ${room}: ned\n`);
    const tina = telnetOnTerminal();
    await tina.prints("history, exit\r\n");
    tina.type(`join ${room}`);
    await tina.prints("Enter your user ID: ");
    tina.type("tina");
    await tina.prints(`Joined room ${room} as tina\r\n`);
    await netcat.prints(`* tina joined ${room}\n`);
    const piped = telnet();
    piped.type(`join ${room} pia`);
    await netcat.prints(`* pia joined ${room}\n`);
    await tina.prints(`* pia joined ${room}\r\n`);

    netcat.type("send from nc  with  spaces");
    await tina.prints(/\[.{8}\] ned: from nc {2}with {2}spaces\r\n/);
    tina.type("send from telnet: héllo 你好 😀");
    await netcat.prints(/\[.{8}\] tina: from telnet: héllo 你好 😀\n/);
    piped.type("send from a pipe");
    await netcat.prints(/\[.{8}\] pia: from a pipe\n/);
    await tina.prints(/pia: from a pipe\r\n/);

    tina.type("users");
    await tina.prints(`Users in ${room}: ned, pia, tina\r\n`);
    tina.type("exit");
    expect(await tina.output()).toMatch(/Goodbye!\r\nConnection closed by foreign host\.\r\n$/);
    await netcat.prints(`* tina left ${room}\n`);
    piped.type("exit");
    expect(await piped.output()).toMatch(/Goodbye!\n$/);
    await netcat.prints(`* pia left ${room}\n`);
    netcat.type("exit");
    await netcat.prints("Goodbye!\n");
    // It goes on waiting for input when the connection has ended.
    netcat.endInput();
    expect(timeless(await netcat.output())).toBe(
      `${welcome}Enter your user ID: Joined room ${room} as ned\nUsers in ${room}: ned\n` +
        `* tina joined ${room}\n* pia joined ${room}\n[time] ned: from nc  with  spaces\n` +
        "[time] tina: from telnet: héllo 你好 😀\n[time] pia: from a pipe\n" +
        `* tina left ${room}\n* pia left ${room}\nGoodbye!\n`,
    );
  });

  test("telnet's own commands do not get into the text", async () => {
    const room = newRoom();
    const tina = telnetOnTerminal();
    await tina.prints("history, exit\r\n");
    tina.type(`join ${room} tina`);
    await tina.prints(`Joined room ${room} as tina\r\n`);
    const commands = ["send ayt", "send nop", "send will linemode", "send do linemode"];
    for (const command of commands) {
      // Ctrl-] leads to telnet's prompt, from which it returns by itself.
      tina.write("\x1d");
      await tina.prints("telnet> ");
      tina.type(command);
      tina.type(`send behind ${command}`);
      await tina.prints(/\[.{8}\] tina: (.*)\r?\n/);
    }
    tina.type("exit");
    const messages = (await tina.output()).matchAll(/\[.{8}\] tina: (.*)\r?\n/g);
    expect([...messages].map(([, text]) => text?.trimEnd())).toEqual(
      commands.map((command) => `behind ${command}`),
    );
  });

  test.each([
    ["LF", ["-N"]],
    ["CR LF", ["-N", "-C"]],
  ])("nc closes its sending side at the end of a pipe, and is answered first: %s", async (_, flags) => {
    const room = newRoom();
    const netcat = nc(...flags);
    netcat.type(`join ${room} ned`, "send one", "users");
    netcat.write("send no line end".padEnd(1000, "."));
    netcat.endInput();
    expect(timeless(await netcat.output())).toBe(
      `${welcome}Joined room ${room} as ned\n[time] ned: one\nUsers in ${room}: ned\n` +
        `[time] ned: ${"no line end".padEnd(995, ".")}\n`,
    );
  });
});

test("a long text that is piped through nc arrives, is kept, and outlives a restart", async () => {
  const lines = readFileSync("/usr/share/common-licenses/GPL-3", "utf8")
    .split("\n")
    .filter((line) => line !== "");
  expect(lines.length).toBeGreaterThan(500);
  const room = newRoom();
  const servers = ["server-1", "server-2"];
  const readers: ChatClient[] = [];
  for (const server of servers) readers.push(await cluster.member(room, `of-${server}`, server));

  const writer = nc("-N");
  writer.type(`join ${room} writer`, ...lines.map((line) => `send ${line}`));
  writer.endInput();
  const echoes = lines.map((line) => `[time] writer: ${line}\n`);
  expect(timeless(await writer.output())).toBe(`${welcome}Joined room ${room} as writer\n${echoes.join("")}`);
  for (const reader of readers) {
    for (const line of lines) expect((await reader.line(/^\[.{8}\] writer: (.*)$/))[1]).toBe(line);
  }

  /** What a new member of that server is shown. */
  const history = async (server: string): Promise<string> => {
    const member = await cluster.member(room, "newcomer", server);
    member.type("history", "exit");
    return (await member.ended()).replaceAll(/^\* .*\n/gm, "");
  };
  const shown = await history("server-1");
  const stored = lines.slice(-100).map((line) => `[date time] writer: ${line}\n`);
  expect(shown.replaceAll(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]/gm, "[date time]")).toBe(
    `${stored.join("")}Goodbye!\n`,
  );
  expect(await history("server-2")).toBe(shown);

  await cluster.restart();
  for (const reader of readers) await reader.ended();
  for (const server of servers) expect(await history(server)).toBe(shown);
});
