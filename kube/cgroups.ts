import { mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Control groups of the nodes. The kernel keeps them when the processes in them are gone: they are all that a
 * Kubernetes that was killed leaves behind, and all that has to be removed by hand.
 */

const root = "/sys/fs/cgroup";
const ours = "disroom-kube";

/** As the kubelet's `cgroupRoot`: relative to the root of each hierarchy. */
export function cgroupOfNode(node: string): string {
  return `/${ours}/${node}`;
}

/** The places where hierarchies begin: one in version 2, one for each controller in version 1. */
async function hierarchies(): Promise<string[]> {
  const isVersion2 = await stat(join(root, "cgroup.controllers")).then(
    () => true,
    () => false,
  );
  if (isVersion2) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
}

/** A new group for a node that starts: the kubelet wants it to be there, and nothing in it of an earlier life. */
export async function createCgroup(node: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const group = join(hierarchy, cgroupOfNode(node));
    await removeTree(group);
    await mkdir(group, { recursive: true });
  }
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** Removes the groups of all nodes, whose processes must be gone. */
export async function removeCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) await removeTree(join(hierarchy, ours));
}
