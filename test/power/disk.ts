import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { guardMount } from "../chaos/mount-guard.ts";

/** A folder on a disk that can lose its power, and with it all that was written but not synced. */
export type PowerDisk = {
  readonly folder: string;
  /** Puts on the disk what was written so far, as time does. */
  sync(): void;
  /** After `cutPower`: mounts again what the disk holds. Nobody may have a file of it open. */
  restore(): void;
  /** Unmounts the disk and removes it. */
  unmount(): void;
};

/** EXT4_IOC_SHUTDOWN without a flush of the log. Node.js has no ioctl; Perl is on every Debian. */
const shutdown = `
  for my $folder (@ARGV) {
    open(my $directory, "<", $folder) or die "$folder: $!";
    my $withoutFlush = pack("L", 2);
    ioctl($directory, 0x8004587d, $withoutFlush) or die "$folder: $!";
  }`;

/**
 * Mounts a disk of its own at `folder`; undefined where that is not allowed (only root may). `commitInterval`: how
 * often, in seconds, what nobody syncs gets there.
 */
export function mountPowerDisk(folder: string, megabytes: number, commitInterval = 5): PowerDisk | undefined {
  const image = `${folder}.disk`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The kernel detaches the loop device when the last user of the disk is gone.
  const mount = (): void => run("mount", "-t", "ext4", "-o", `loop,commit=${commitInterval}`, image, folder);
  try {
    run("truncate", "-s", `${megabytes}M`, image);
    run("mkfs.ext4", "-q", "-F", image);
    mount();
  } catch {
    rmSync(image, { force: true });
    return undefined;
  }
  const guard = guardMount(folder, image);
  return {
    folder,
    sync: () => run("sync", "-f", folder),
    restore: () => {
      run("umount", folder);
      mount();
    },
    unmount: () => {
      run("umount", "-l", folder);
      guard.kill();
      rmSync(image, { force: true });
    },
  };
}

/** These disks stop at the same time: nothing more is written, and what was not synced is gone. */
export function cutPower(disks: readonly PowerDisk[]): void {
  run("perl", "-e", shutdown, ...disks.map(({ folder }) => folder));
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
}
