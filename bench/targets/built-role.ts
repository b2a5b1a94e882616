import { fileURLToPath } from "node:url";
import { nodeFlags } from "../../src/cluster/process-settings.ts";
import type { RoleCommand } from "../../src/local/parts.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Servers and workers as people run them: compiled. */
export const builtRole: RoleCommand = (role) => [process.execPath, ...nodeFlags, main, role];
