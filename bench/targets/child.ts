import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** How long a process may take to end before it is killed, in milliseconds. */
const stopGrace = 15_000;
const tailLength = 30;

const alive = new Set<ChildProcess>();
// However the bench ends.
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** A process of which the last lines are kept. */
export class Child {
  readonly process: ChildProcess;
  readonly #name: string;
  readonly #tail: string[] = [];
  readonly #onLine: (line: string) => void;
  #ended: string | undefined;
  readonly #end: Promise<unknown>;

  constructor(file: string, args: readonly string[], onLine: (line: string) => void = () => {}) {
    this.#name = file;
    this.#onLine = onLine;
    this.process = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    alive.add(this.process);
    this.#end = once(this.process, "close").catch(() => {});
    this.process.on("error", (error) => (this.#ended = error.message));
    this.process.on("exit", (code, signal) => {
      alive.delete(this.process);
      this.#ended = signal ?? `exit code ${code}`;
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      let rest = "";
      stream?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#line(line);
      });
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Throws, with the last lines, if it has ended. */
  check(): void {
    if (this.#ended === undefined) return;
    throw new Error([`${this.#name} ended (${this.#ended}); its last lines:`, ...this.#tail].join("\n  "));
  }

  async stop(): Promise<void> {
    if (this.#ended === undefined) this.process.kill("SIGTERM");
    const killer = setTimeout(() => this.process.kill("SIGKILL"), stopGrace);
    await this.#end;
    clearTimeout(killer);
  }

  #line(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > tailLength) this.#tail.shift();
    this.#onLine(line);
  }
}
