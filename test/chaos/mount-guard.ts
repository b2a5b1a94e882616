import { spawn } from "node:child_process";

/**
 * Unmounts `folder`, and removes `file`, when this process ends, however that is; `kill` when somebody has done so.
 */
export function guardMount(folder: string, file?: string): { kill(): void } {
  // The pipe ends with this process.
  const script = `read -r _; umount -l "$0"${file === undefined ? "" : '; rm -f "$1"'}`;
  const guard = spawn("/bin/sh", ["-c", script, folder, ...(file === undefined ? [] : [file])], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.stdin.on("error", () => {});
  guard.unref();
  return guard;
}
