import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { guardMount } from "./mount-guard.ts";

/** A folder with little space, which can be made to have none. */
export type SmallDisk = {
  fill(): void;
  empty(): void;
  unmount(): void;
};

/** Mounts a small file system in memory at `folder`; undefined where that is not allowed (only root may). */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "tmpfs", folder], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  const guard = guardMount(folder);
  const filler = join(folder, "filler");
  return {
    fill: () => fillUp(filler),
    empty: () => rmSync(filler, { force: true }),
    unmount: () => {
      execFileSync("umount", ["-l", folder], { stdio: "ignore" });
      guard.kill();
    },
  };
}

function fillUp(file: string): void {
  const descriptor = openSync(file, "a");
  try {
    for (let size = 1_048_576; size >= 1; size = Math.floor(size / 16)) {
      const block = Buffer.alloc(size);
      try {
        for (;;) writeSync(descriptor, block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
