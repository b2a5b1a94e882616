import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { UsageError } from "../platform/settings.ts";

export type Binaries = { readonly natsServer: string; readonly redisServer: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** nats-server knows what the streams need since this version. */
const oldestNats = [2, 14, 0];

/** Where `make setup` puts what the machine lacks. */
export function toolsFolder(environment: Environment): string {
  return join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache"), "disroom", "bin");
}

/** The programs that a cluster needs. Throws UsageError that says what to install. */
export function findBinaries(environment: Environment = process.env): Binaries {
  const folders = [...(environment.PATH ?? "").split(delimiter), toolsFolder(environment)];
  const natsServer = candidates("nats-server", folders).find(isRecentNats);
  const [redisServer] = candidates("redis-server", folders);
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

/** The programs of that name in these folders. */
export function candidates(name: string, folders: readonly string[]): string[] {
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
    return version !== null && isAtLeast(version.slice(1).map(Number), oldestNats);
  } catch {
    return false;
  }
}

function isAtLeast(version: readonly number[], oldest: readonly number[]): boolean {
  for (const [index, part] of oldest.entries()) {
    const difference = (version[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
