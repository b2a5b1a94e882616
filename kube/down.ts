import { access, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { userLink } from "./addresses.ts";
import { removeCgroups } from "./cgroups.ts";
import { firstProcessOf } from "./namespaces.ts";
import { run } from "./run.ts";
import { findRunning, forgetRunning, type State, state, stateIn } from "./state.ts";

/** Stops the local Kubernetes if one runs; done when nothing of it is left but its logs. */
export async function down(): Promise<void> {
  const running = await findRunning();
  if (running !== undefined) {
    const firstProcess = await firstProcessOf(running.pid);
    process.kill(running.pid, "SIGKILL");
    // The kernel kills all processes in the namespaces, then lets the first one go.
    while (await isThere(firstProcess)) await delay(20);
    await removeLeftovers(stateIn(running.folder));
  }
  await removeLeftovers(state);
}

/** What one that was killed has left. */
export async function removeLeftovers({ data, kubeconfig, socket }: State): Promise<void> {
  // The kernel takes its time with a network that nobody is in any more.
  await run(["ip", "link", "delete", userLink]).catch(() => {});
  await removeCgroups();
  for (const path of [data, kubeconfig, socket]) await rm(path, { recursive: true, force: true });
  await forgetRunning();
}

function isThere(pid: number): Promise<boolean> {
  return access(`/proc/${pid}`).then(
    () => true,
    () => false,
  );
}
