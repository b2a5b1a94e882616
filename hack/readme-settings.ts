// Writes the settings of servers and workers into README.md, and those of operators into docs/configuration.md, between
// their markers; with --check, fails when what stands there is not what the code says.
import { readFileSync } from "node:fs";
import { shownDefault } from "../src/help.ts";
import { operatorSettings } from "../src/operator/settings.ts";
import { optionName, type Setting } from "../src/platform/settings.ts";
import { serverSettings } from "../src/server/settings.ts";
import { workerSettings } from "../src/worker/settings.ts";
import { between, writeGenerated } from "./generated-file.ts";

type Roles = Record<string, Record<string, Setting<unknown>>>;

write("README.md", { server: serverSettings, worker: workerSettings });
write("docs/configuration.md", { operator: operatorSettings });

function write(file: string, roles: Roles): void {
  const text = between(readFileSync(file, "utf8"), "settings", table(roles));
  writeGenerated(file, text, "the code", "npm run readme");
}

function table(roles: Roles): string {
  const rows = new Map<string, { roles: string[]; setting: Setting<unknown> }>();
  for (const [role, settings] of Object.entries(roles)) {
    for (const [name, setting] of Object.entries(settings)) {
      const row = rows.get(name);
      if (row === undefined) rows.set(name, { roles: [role], setting });
      else row.roles.push(role);
    }
  }
  // Of one role alone there is nothing to tell apart.
  const isOne = Object.keys(roles).length === 1;
  const cells = [...rows].map(([name, { roles: of, setting }]) => [
    `\`${optionName(name)}\``,
    ...(isOne ? [] : [of.join(", ")]),
    shownDefault(setting.default, setting.parse),
    setting.description,
  ]);
  const head = ["option", ...(isOne ? [] : ["of"]), "default", "meaning"];
  const lines = [head, head.map(() => "---"), ...cells].map((line) => `| ${line.join(" | ")} |\n`);
  return lines.join("");
}
