import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a local Kubernetes keeps in its checkout. */
export type State = ReturnType<typeof stateIn>;

export function stateIn(folder: string) {
  return {
    folder,
    kubeconfig: join(folder, "kubeconfig"),
    /** Certificates, etcd's data, the nodes' disks: removed when it stops. */
    data: join(folder, "data"),
    logs: join(folder, "logs"),
    previousLogs: join(folder, "logs.previous"),
    /** Where its nodes are switched off and on. */
    socket: join(folder, "nodes.sock"),
  };
}

/** That of this checkout. */
export const state = stateIn(join(import.meta.dirname, "..", ".kubernetes"));

/** There is one on a machine, since its addresses are fixed. This file says whose. */
const lockFile = "/run/disroom-kube.json";

export type Running = {
  /** The `unshare` that all of it hangs on. */
  readonly pid: number;
  /** When that process started, in ticks since the machine did: another process may get its number later. */
  readonly startedAt: string;
  /** The folder of its checkout's state. */
  readonly folder: string;
};

/** The one that runs on this machine; undefined if there is none. */
export async function findRunning(): Promise<Running | undefined> {
  const text = await readFile(lockFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const running = JSON.parse(text) as Running;
  return (await startTime(running.pid)) === running.startedAt ? running : undefined;
}

export async function recordRunning(pid: number): Promise<void> {
  await writeFile(lockFile, JSON.stringify({ pid, startedAt: await startTime(pid), folder: state.folder }));
}

export function forgetRunning(): Promise<void> {
  return rm(lockFile, { force: true });
}

/** Undefined if there is no such process, or if it has ended and only waits to be collected. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name of the program, in parentheses, may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}
