#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { exitOnEarlySignal } from "./platform/process.ts";
import { UsageError } from "./platform/settings.ts";

/**
 * The command line: finds the role and hands it its arguments. Roles are loaded when they are needed, so
 * that each process holds only its own code.
 */
const roles: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  up: async (args) => (await import("./local/up.ts")).runUp(args),
  server: async (args) => {
    exitOnEarlySignal();
    await (await import("./server/main.ts")).runServer(args);
  },
  worker: async (args) => {
    exitOnEarlySignal();
    await (await import("./worker/main.ts")).runWorker(args);
  },
  operator: async (args) => {
    exitOnEarlySignal();
    await (await import("./operator/main.ts")).runOperator(args);
  },
};

async function main([name, ...args]: string[]): Promise<void> {
  if (name === "--version") return print(`${version()}\n`);
  const role = roles[name ?? ""];
  if (name === undefined || ["--help", "-h", "help"].includes(name)) return print(await overviewText());
  if (role === undefined) {
    throw new UsageError(`there is no command ${name}; the commands are ${Object.keys(roles).join(", ")}`);
  }
  if (args.includes("--help") || args.includes("-h")) return print(await helpText(name));
  await role(args);
}

const print = (text: string): void => void process.stdout.write(text);

function version(): string {
  return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
}

async function overviewText(): Promise<string> {
  const [{ overview }, { commands }] = await Promise.all([import("./help.ts"), import("./commands.ts")]);
  return overview(commands);
}

async function helpText(name: string): Promise<string> {
  const [{ commandHelp }, { commands }] = await Promise.all([import("./help.ts"), import("./commands.ts")]);
  return commandHelp(name, commands[name as keyof typeof commands]);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const text = error instanceof UsageError ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`disroom: ${text}\n`);
  process.exit(1);
});
