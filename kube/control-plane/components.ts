import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "../../src/local/ports.ts";
import { exitWords } from "../../src/local/supervisor.ts";
import { lastLines, type RunningProcess, startProcess } from "../system/processes.ts";

export type ComponentPlan = {
  readonly name: string;
  readonly command: (port: number) => readonly string[];
  /** Where it listens; without it, on a free port. */
  readonly port?: number | undefined;
  readonly isReady: (port: number) => boolean | Promise<boolean>;
};

/** How long a component may take to get ready, in milliseconds: far longer than it does on a busy machine. */
const startLimit = 60_000;
const pollInterval = 25;
/** How many free ports are tried. */
const portTries = 5;

/** Processes that depend on those that were started before them. */
export class Components {
  readonly #folder: string;
  readonly #logs: string;
  /** In the order of the first start; one that is started again keeps its place. */
  readonly #processes = new Map<string, RunningProcess>();
  /** What was started, each with the port that it has. */
  readonly #plans = new Map<string, ComponentPlan>();
  #isStopped = false;

  /** They run in `folder`, and their logs go to `logs`. */
  constructor(folder: string, logs: string) {
    this.#folder = folder;
    this.#logs = logs;
  }

  get processes(): readonly RunningProcess[] {
    return [...this.#processes.values()];
  }

  /** Starts a component; done when it is ready. The result is its port. */
  async start(plan: ComponentPlan): Promise<number> {
    const { name, command, port: wanted, isReady } = plan;
    const logFile = join(this.#logs, `${name}.log`);
    for (let tries = 1; ; tries++) {
      const port = wanted ?? (await freePort());
      if (this.#isStopped) throw new Error(`${name} is not started, since all is stopped`);
      const logBefore = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
      const process = startProcess({
        name,
        command: command(port),
        logFile,
        // They talk to each other only.
        env: { NO_PROXY: "*", no_proxy: "*" },
        folder: this.#folder,
      });
      this.#processes.set(name, process);
      try {
        await untilReady(process, () => isReady(port));
        this.#plans.set(name, { ...plan, port });
        return port;
      } catch (error) {
        await process.stop("SIGKILL");
        const printed = (await readFile(logFile)).subarray(logBefore).toString();
        // Since the port was found free, another program may have taken it.
        const isPortTaken = wanted === undefined && printed.includes("address already in use");
        if (!isPortTaken || tries === portTries) throw error;
      }
    }
  }

  /** From now on, what ends is started again after a second, as systemd would do it, until all is stopped. */
  keepRunning(): void {
    for (const plan of this.#plans.values()) void this.#keepRunning(plan);
  }

  async #keepRunning(plan: ComponentPlan): Promise<void> {
    for (;;) {
      const exit = await this.#process(plan.name).exited;
      if (this.#isStopped) return;
      console.error(`${plan.name} ${exitWords(exit)}; starting it again`);
      await delay(1000);
      await this.start(plan).catch((error: Error) => console.error(error.message));
    }
  }

  async stop(name: string, signal?: NodeJS.Signals): Promise<void> {
    await this.#process(name).stop(signal);
  }

  /** Stops all for good, what depends on others first. */
  async stopAll(): Promise<void> {
    this.#isStopped = true;
    for (const process of this.processes.toReversed()) await process.stop();
  }

  async killAll(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.processes.map((process) => process.stop("SIGKILL")));
  }

  #process(name: string): RunningProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`${name} was not started`);
    return process;
  }
}

/** Throws, with what the process printed last, when it ends or takes too long. */
async function untilReady(process: RunningProcess, isReady: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + startLimit;
  let problem: string | undefined;
  const ended = process.exited.then((exit) => {
    problem = exitWords(exit);
    return false;
  });
  while (!(await Promise.race([ended, isReady()]))) {
    if (performance.now() > deadline) problem ??= `was not ready after ${startLimit / 1000} s`;
    if (problem !== undefined) {
      const lines = lastLines(process.logFile).join("\n  ");
      throw new Error(`${process.name} ${problem}; its last lines in ${process.logFile}:\n  ${lines}`);
    }
    await delay(pollInterval);
  }
}

async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}
