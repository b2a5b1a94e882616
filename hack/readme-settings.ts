// Writes the settings of servers and workers into README.md, between its markers; with --check, fails when
// what stands there is not what the code says.
import { readFileSync, writeFileSync } from "node:fs";
import { shownDefault } from "../src/help.ts";
import { optionName, type Setting } from "../src/platform/settings.ts";
import { serverSettings } from "../src/server/settings.ts";
import { workerSettings } from "../src/worker/settings.ts";

const roles: Record<string, Record<string, Setting<unknown>>> = {
  server: serverSettings,
  worker: workerSettings,
};

const rows = new Map<string, { roles: string[]; setting: Setting<unknown> }>();
for (const [role, settings] of Object.entries(roles)) {
  for (const [name, setting] of Object.entries(settings)) {
    const row = rows.get(name);
    if (row === undefined) rows.set(name, { roles: [role], setting });
    else row.roles.push(role);
  }
}
const lines = [...rows].map(
  ([name, { roles: of, setting }]) =>
    `| \`${optionName(name)}\` | ${of.join(", ")} | ${shownDefault(setting.default, setting.parse)} | ${setting.description} |`,
);
const table = ["| option | of | default | meaning |", "| --- | --- | --- | --- |", ...lines].join("\n");

const readme = readFileSync("README.md", "utf8");
const wanted = readme.replace(
  /(<!-- settings -->\n)[\s\S]*(<!-- \/settings -->)/,
  (_, begin, end) => `${begin}${table}\n${end}`,
);
if (wanted !== readme) {
  if (process.argv.includes("--check")) {
    process.stderr.write("README.md: the settings are stale; run `npm run readme`\n");
    process.exit(1);
  }
  writeFileSync("README.md", wanted);
}
