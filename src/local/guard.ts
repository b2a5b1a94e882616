import { type ChildProcess, spawn } from "node:child_process";

/**
 * Makes sure that no part outlives this process, even when it is killed with SIGKILL: a shell reads from a
 * pipe that only this process can write to, so the pipe ends when this process does, however it ends. Then
 * the shell kills the process groups that it was told of. It works on every POSIX system, with nothing
 * between this process and its parts.
 */
const script = `
groups=
while read -r word group; do
  case $word in
    watch) groups="$groups $group " ;;
    forget) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -KILL "-$group"; done
`;

export class Guard {
  readonly #shell: ChildProcess;

  constructor() {
    // In a session of its own, so that Ctrl-C, which reaches the whole process group, spares it.
    this.#shell = spawn("/bin/sh", ["-c", script], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell.stdin?.on("error", () => {});
    this.#shell.on("error", () => {});
    this.#shell.unref();
  }

  /** Kill this process group when this process is gone. */
  watch(group: number): void {
    this.#shell.stdin?.write(`watch ${group}\n`);
  }

  /** The group has ended: its number may soon be another's. */
  forget(group: number): void {
    this.#shell.stdin?.write(`forget ${group}\n`);
  }

  close(): void {
    this.#shell.stdin?.end();
  }
}
