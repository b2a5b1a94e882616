import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { exists } from "../system/files.ts";

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

/** A new group for a node that starts: the kubelet wants it to be there, and nothing in it of an earlier life. */
export async function createCgroup(node: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const group = join(hierarchy, cgroupOfNode(node));
    await removeTree(group);
    await mkdir(group, { recursive: true });
  }
  if (await isVersion2()) for (const group of ["", ours]) await passOnControllers(join(root, group));
}

/** Removes the groups of all nodes, whose processes must be gone. */
export async function removeCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) await removeTree(join(hierarchy, ours));
}

function isVersion2(): Promise<boolean> {
  return exists(join(root, controllersFile));
}

const controllersFile = "cgroup.controllers";

/** The places where hierarchies begin: one in version 2, one for each controller in version 1. */
async function hierarchies(): Promise<string[]> {
  if (await isVersion2()) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
}

/** In version 2, a group has the controllers that its parent passes on. */
async function passOnControllers(group: string): Promise<void> {
  const controllers = (await readFile(join(group, controllersFile), "utf8")).trim().split(" ");
  const wanted = controllers.filter((name) => ["cpu", "cpuset", "memory", "pids", "hugetlb"].includes(name));
  await writeFile(join(group, "cgroup.subtree_control"), wanted.map((name) => `+${name}`).join(" "));
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  // Processes that were killed leave their group a moment later.
  for (const end = Date.now() + 10_000; ; await delay(20)) {
    const problem = await rmdir(folder).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (problem === undefined || problem.code === "ENOENT") return;
    if (problem.code !== "EBUSY" || Date.now() > end) throw problem;
  }
}
