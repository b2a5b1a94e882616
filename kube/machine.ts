import { mkdtemp, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createCgroup, removeCgroups } from "./node/cgroups.ts";
import { hiddenFolders } from "./node/node.ts";
import { kubernetesBinary } from "./system/binaries.ts";
import { exists } from "./system/files.ts";
import { inNewNamespaces } from "./system/namespaces.ts";
import { run } from "./system/run.ts";

/**
 * Sees whether this machine can run a Kubernetes, by trying what it takes.
 * @throws Error that says what it can't do.
 */
export async function checkMachine(): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a Kubernetes on this machine needs Linux and root");
  await tried("root may make no namespaces", () => run(inNewNamespaces(["true"])));
  // Without it, a pod that reaches itself or its neighbours through a Service gets answers from a stranger.
  if (!(await exists("/proc/sys/net/bridge")))
    await tried("the kernel module br_netfilter cannot be loaded", () => run("modprobe br_netfilter"));
  await tried("root may make no control groups", async () => {
    await createCgroup("trial");
    await removeCgroups();
  });
  await tried("overlay file systems cannot be made here", tryOverlay);
}

/** Nodes have /var/lib, /var/log and /run of their own: what they run must not lie there. */
export async function checkPaths(): Promise<void> {
  for (const path of [import.meta.dirname, process.execPath, dirname(kubernetesBinary("kubelet"))]) {
    const real = await realpath(path);
    const hidden = hiddenFolders.find((folder) => `${real}/`.startsWith(`${folder}/`));
    if (hidden !== undefined)
      throw new Error(
        `${real} cannot be used by nodes, which have a ${hidden} of their own; move it elsewhere`,
      );
  }
}

async function tried(problem: string, work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: Error) => {
    throw new Error(`${problem}: ${error.message}`);
  });
}

/** Containers' file systems are of this kind, on that of the checkout. */
async function tryOverlay(): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, "..", ".kubernetes-trial-"));
  try {
    const script = `cd "$1" && mkdir lower upper work merged &&
      mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged`;
    await run(["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", folder]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
