import { expect, test } from "vitest";
import { commands } from "../../src/commands.ts";
import { commandHelp, overview } from "../../src/help.ts";
import { optionName, variableName } from "../../src/platform/settings.ts";

test("the overview names every command", () => {
  const text = overview(commands);
  for (const name of Object.keys(commands)) expect(text).toContain(`\n  ${name} `);
});

test.each(Object.entries(commands))("%s --help has a row for every setting", (name, command) => {
  const lines = commandHelp(name, command).split("\n");
  for (const [setting, { description }] of Object.entries(command.settings)) {
    const row = lines.find((line) => line.startsWith(`  ${optionName(setting)} `));
    expect(row).toContain(variableName(setting));
    expect(row).toContain(description);
  }
});

test("a default is shown as one would write it", () => {
  const text = commandHelp("server", commands.server);
  expect(text).toMatch(/--join-timeout +DISROOM_JOIN_TIMEOUT +60s /);
  expect(text).toMatch(/--max-connections +DISROOM_MAX_CONNECTIONS +10000 /);
  expect(text).toMatch(/--reuse-port +DISROOM_REUSE_PORT +false /);
});
