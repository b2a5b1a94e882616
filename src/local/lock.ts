import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { UsageError } from "../platform/settings.ts";

/** Who holds a lock: a process, and when it began, since process ids are used again. */
type Holder = { readonly pid: number; readonly began: string };

/**
 * Takes the lock file, or throws a UsageError that names the process that holds it. The lock of a process
 * that is gone is taken over. The result gives the lock back.
 */
export function takeLock(file: string, what: string): () => void {
  const mine = JSON.stringify({ pid: process.pid, began: beganAt(process.pid) ?? "" });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    // Several may find the same dead holder at once: each round ends with the lock taken or with who has it.
    while (!tryLink(draft, file)) removeIfDead(file, what);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (read(file) === mine) rmSync(file, { force: true });
  };
}

/** A hard link comes into being whole, or not at all if the name is taken. */
function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function removeIfDead(file: string, what: string): void {
  const found = read(file);
  if (found === undefined) return;
  const holder = parse(found);
  if (holder !== undefined && isAlive(holder)) {
    throw new UsageError(
      `${what} is in use by process ${holder.pid}; stop that one, or choose another with --data`,
    );
  }
  // Moved away first, so that a lock that another has taken meanwhile is noticed and given back.
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (read(aside) !== found) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, began } = JSON.parse(text);
    return Number.isInteger(pid) && typeof began === "string" ? { pid, began } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, began }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = beganAt(pid);
  return now === undefined || began === "" || now === began;
}

/** When a process began, in ticks since the machine did; undefined where there is no /proc. */
function beganAt(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything; this is the 22nd.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
