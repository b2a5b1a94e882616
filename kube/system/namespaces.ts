import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/**
 * A command in new namespaces: it sees its own processes, mounts, network, host name and shared memory. The first
 * process in there, catatonit, collects those that lose their parent. When it ends, or the one that this command
 * starts (`unshare`) is killed, the kernel kills all that runs in there, and takes away its mounts, network links
 * and packet filter rules with it.
 */
export function inNewNamespaces(command: readonly string[]): string[] {
  return [
    "unshare",
    "--pid",
    "--mount",
    "--net",
    "--uts",
    "--ipc",
    "--fork",
    "--kill-child=SIGKILL",
    "--mount-proc",
    "--propagation=private",
    ...command,
  ];
}

/**
 * The first process in the namespaces that this `unshare` has made.
 * @throws Error if it has ended instead.
 */
export async function firstProcessOf(unshare: number): Promise<number> {
  for (;;) {
    const children = await readFile(`/proc/${unshare}/task/${unshare}/children`, "utf8").catch(() => {
      throw new Error(`unshare (process ${unshare}) has ended`);
    });
    const first = Number(children.trim().split(" ")[0]);
    if (first > 0) return first;
    await delay(10);
  }
}

/** A command in the namespaces that this process is in. */
export function inNamespacesOf(pid: number, command: readonly string[]): string[] {
  return ["nsenter", `--target=${pid}`, "--pid", "--mount", "--net", "--uts", "--ipc", ...command];
}

/** A command, given as a text without quotes, in the network of this process, and in all else where the caller is. */
export function inNetworkOf(pid: number, command: string): string {
  return `nsenter --target=${pid} --net ${command}`;
}
