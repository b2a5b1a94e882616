import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { userLink } from "./addresses.ts";
import { removeCgroups } from "./node/cgroups.ts";
import { alone, findLast, forgetRunning, state, stateIn } from "./state.ts";
import { exists } from "./system/files.ts";
import { firstProcessOf } from "./system/namespaces.ts";
import { run } from "./system/run.ts";

/**
 * Stops the local Kubernetes of this machine if one runs, and removes what one that was killed has left; done when
 * nothing but logs is left. Answers whether one ran.
 */
export function down(): Promise<boolean> {
  return alone(stop);
}

/** The same, for whoever is alone already. */
export async function stop(): Promise<boolean> {
  const last = await findLast();
  if (last?.isRunning) await kill(last.pid);
  // The kernel takes its time with a network that nobody is in any more.
  await run(`ip link delete ${userLink}`).catch(() => {});
  await removeCgroups();
  for (const folder of new Set([last?.folder ?? state.folder, state.folder])) {
    const { data, kubeconfig } = stateIn(folder);
    for (const path of [data, kubeconfig]) await rm(path, { recursive: true, force: true });
  }
  await forgetRunning();
  return last?.isRunning ?? false;
}

/** Done when all processes in the namespaces of this `unshare` are gone. */
async function kill(unshare: number): Promise<void> {
  const firstProcess = await firstProcessOf(unshare);
  process.kill(unshare, "SIGKILL");
  // The kernel kills all others, then lets the first one go.
  for (const end = Date.now() + 60_000; await exists(`/proc/${firstProcess}`); await delay(20))
    if (Date.now() > end) throw new Error(`process ${firstProcess} does not end though it was killed`);
}
