import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Credentials } from "../cluster/credentials.ts";
import { UsageError } from "../platform/settings.ts";
import { loadCredentials } from "./credentials.ts";
import { takeLock } from "./lock.ts";

/** The folder of one `disroom up`: messages, credentials and logs. */
export type DataFolder = {
  readonly path: string;
  readonly logs: string;
  readonly credentials: Credentials;
  /** Where a part keeps its own data. */
  storeOf(part: string): string;
  /** Writes a part's configuration so that only its owner can read it, and gives its path. */
  writeConfig(part: string, text: string): string;
  /** Refuses another number of NATS nodes than the one that the messages in here were stored with. */
  keepNatsNodes(nodes: number): void;
  /** Lets others use the folder. */
  close(): void;
};

/** Opens the folder, makes it if need be, and locks it. Throws UsageError where that is not possible. */
export function openDataFolder(given: string): DataFolder {
  const path = resolve(given);
  const inside = (name: string): string => join(path, name);
  const logs = inside("logs");
  const release = writable(path, () => {
    makeFolder(path);
    makeFolder(logs);
    return takeLock(inside("lock"), `the data folder ${path}`);
  });
  try {
    return {
      path,
      logs,
      credentials: writable(path, () => loadCredentials(inside("credentials.json"))),
      storeOf: (part) => {
        makeFolder(inside(part));
        return inside(part);
      },
      writeConfig: (part, text) => {
        const file = inside(`${part}.conf`);
        writeFileSync(file, text, { mode: 0o600 });
        return file;
      },
      keepNatsNodes: (nodes) => keepNatsNodes(inside("nats-nodes"), path, nodes),
      close: release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Makes a folder, with those above it, that only its owner can look into: messages are nobody else's
 * business. (Node's own recursive mkdir never ends where the system refuses with ENOENT, as in /proc.)
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function writable<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = (error as Error).message.split(",")[0];
    throw new UsageError(`the data folder ${path} cannot be used (${reason}); choose another with --data`, {
      cause: error,
    });
  }
}

/** A single server and a cluster store their data in ways that do not mix. */
function keepNatsNodes(file: string, path: string, nodes: number): void {
  let made: string;
  try {
    made = readFileSync(file, "utf8").trim();
  } catch {
    writeFileSync(file, `${nodes}\n`);
    return;
  }
  if (made !== String(nodes)) {
    throw new UsageError(
      `the messages in ${path} were stored with --nats ${made}, not ${nodes}; ` +
        `use --nats ${made}, or another folder with --data`,
    );
  }
}
