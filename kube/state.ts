import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
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
  };
}

/** That of this checkout. */
export const state = stateIn(join(import.meta.dirname, "..", ".kubernetes"));

/** Where nodes are switched off and on. The path of a socket has to be short. */
export const socketFile = "/run/disroom-kube.sock";

/** There is one on a machine, since its addresses are fixed. This file says whose. */
const recordFile = "/run/disroom-kube.json";

export type Record = {
  /** The `unshare` that all of it hangs on. */
  readonly pid: number;
  /** When that process started, in ticks since the machine did: another process may get its number later. */
  readonly startedAt: string;
  /** The folder of its checkout's state. */
  readonly folder: string;
};

/** The one that was started last on this machine, and whether it still runs. */
export async function findLast(): Promise<(Record & { readonly isRunning: boolean }) | undefined> {
  const text = await readFile(recordFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as Record;
  return { ...record, isRunning: (await startTime(record.pid)) === record.startedAt };
}

/** The one that runs on this machine; undefined if there is none. */
export async function findRunning(): Promise<Record | undefined> {
  const last = await findLast();
  return last?.isRunning === true ? last : undefined;
}

/** @throws Error if there is no such process any more. */
export async function recordRunning(pid: number): Promise<void> {
  const startedAt = await startTime(pid);
  if (startedAt === undefined) throw new Error("it ended as soon as it was started");
  const record: Record = { pid, startedAt, folder: state.folder };
  // Whoever reads it finds all of it or nothing.
  await writeFile(`${recordFile}.new`, JSON.stringify(record));
  await rename(`${recordFile}.new`, recordFile);
}

export async function forgetRunning(): Promise<void> {
  await rm(recordFile, { force: true });
  await rm(socketFile, { force: true });
}

/**
 * Does something while nobody else on this machine starts or stops a local Kubernetes.
 * @throws Error if somebody does.
 */
export async function alone<T>(work: () => Promise<T>): Promise<T> {
  // A name that the kernel forgets with the process that holds it, however that ends.
  const lock = createServer();
  await new Promise<void>((resolve, reject) => {
    lock.once("error", () => {
      reject(
        new Error(
          "another kube-up or kube-down is at work on this machine; wait for it, or end it with Ctrl-C",
        ),
      );
    });
    lock.listen("\0disroom-kube", resolve);
  });
  try {
    return await work();
  } finally {
    lock.close();
  }
}

/** Undefined if there is no such process, or if it has ended and only waits to be collected. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name of the program, in parentheses, may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}
