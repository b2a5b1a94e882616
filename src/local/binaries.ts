import { execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { UsageError } from "../platform/settings.ts";

export type Binaries = { readonly natsServer: string; readonly redisServer: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** nats-server knows what the streams need since this version. */
const oldestNats = [2, 14, 0];

/** Where `make up` puts the programs that it builds. */
export function toolsFolder(environment: Environment): string {
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache"), "disroom");
}

/** The programs that a cluster needs. Throws UsageError that says what to install. */
export function findBinaries(environment: Environment = process.env): Binaries {
  const folders = (environment.PATH ?? "").split(delimiter);
  const tools = toolsFolder(environment);
  const natsServer = candidates("nats-server", [...folders, ...natsBuilds(tools)]).find(isRecentNats);
  const [redisServer] = candidates("redis-server", [...folders, join(tools, "bin")]);
  if (natsServer === undefined) {
    throw new UsageError(
      `nats-server ${oldestNats.join(".")} or newer is missing; \`make setup\` builds it, or put one on the PATH`,
    );
  }
  if (redisServer === undefined) {
    throw new UsageError("redis-server is missing; `make setup` installs it, or put one on the PATH");
  }
  return { natsServer, redisServer };
}

/** Folders `nats-server-<version>`, the newest version first. */
function natsBuilds(tools: string): string[] {
  const version = (folder: string): number[] => folder.replace("nats-server-", "").split(".").map(Number);
  try {
    return readdirSync(tools)
      .filter((folder) => /^nats-server-\d+\.\d+\.\d+$/.test(folder))
      .sort((a, b) => compare(version(b), version(a)))
      .map((folder) => join(tools, folder));
  } catch {
    return [];
  }
}

function candidates(name: string, folders: readonly string[]): string[] {
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function isRecentNats(file: string): boolean {
  try {
    const version = /v(\d+)\.(\d+)\.(\d+)/.exec(execFileSync(file, ["--version"], { encoding: "utf8" }));
    return version !== null && compare(version.slice(1).map(Number), oldestNats) >= 0;
  } catch {
    return false;
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
