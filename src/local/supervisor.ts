import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { UsageError } from "../platform/settings.ts";
import type { Guard } from "./guard.ts";
import type { PartLog } from "./part-log.ts";
import { type Listening, untilReady } from "./readiness.ts";
import { nextDelay, type RestartDelay } from "./restart-delay.ts";

export type PartKind = "nats" | "redis" | "server" | "worker";

/** How to run a part and how to know that it is up. */
export type PartPlan = {
  readonly name: string;
  readonly kind: PartKind;
  readonly command: readonly [file: string, ...args: string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** What holds where neither that nor the environment of this process says otherwise. */
  readonly defaultEnvironment?: Readonly<Record<string, string>>;
  /** What a line of its output says about where it listens; undefined for all other lines. */
  readonly listening: (line: string) => Listening | undefined;
  /** Milliseconds that it may take from its start until it is ready. */
  readonly startLimit: number;
  /** Milliseconds that it may take to stop before it is killed. */
  readonly stopGrace: number;
};

export type Exit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds until it is started again. */
  readonly restartIn: number;
};

type PartEvents = {
  /** It can do its work, for the first time or again. */
  ready: [];
  /** It ended although nobody told it to. */
  exit: [Exit];
  line: [string];
};

/** A part was told to stop before it was ready. */
export class StoppedError extends Error {}

/** One process that is started again whenever it ends, until it is told to stop. */
export class Part {
  readonly name: string;
  readonly kind: PartKind;
  readonly log: PartLog;
  readonly events = new EventEmitter<PartEvents>();
  readonly #plan: PartPlan;
  readonly #guard: Guard;
  readonly #restartDelay: RestartDelay;
  readonly #stop = new AbortController();
  #child: ChildProcess | undefined;
  #http: string | undefined;
  #isReady = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(plan: PartPlan, log: PartLog, guard: Guard, restartDelay: RestartDelay = nextDelay) {
    this.name = plan.name;
    this.kind = plan.kind;
    this.log = log;
    this.#plan = plan;
    this.#guard = guard;
    this.#restartDelay = restartDelay;
  }

  /** Its process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** `host:port` of its HTTP port, where it has one. */
  get http(): string | undefined {
    return this.#http;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /**
   * Starts it; done when it is ready. A first start that fails is not tried again: it throws a UsageError
   * that ends in the last lines of the part's log.
   */
  async start(): Promise<void> {
    const failure = Promise.withResolvers<never>();
    const ready = once(this.events, "ready");
    this.#ended = this.#run(failure.reject);
    await Promise.race([ready, failure.promise]);
  }

  /** Done when its process is gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#child?.kill("SIGTERM");
    const killer = setTimeout(() => this.kill(), this.#plan.stopGrace);
    await this.#ended;
    clearTimeout(killer);
    this.log.close();
  }

  /** Ends its process at once; it is started again unless it was told to stop. */
  kill(): void {
    killGroup(this.pid);
  }

  async #run(fail: (error: Error) => void): Promise<void> {
    let wasReady = false;
    let lastDelay: number | undefined;
    while (!this.#stop.signal.aborted) {
      const attempt = new AbortController();
      const { exit, readyAt } = await this.#runOnce(attempt, wasReady ? undefined : this.#plan.startLimit);
      wasReady ||= readyAt !== undefined;
      if (this.#stop.signal.aborted) break;
      if (!wasReady) return fail(this.#startFailure(exit));
      lastDelay = this.#restartDelay(lastDelay, readyAt === undefined ? 0 : Date.now() - readyAt);
      this.events.emit("exit", { code: exit.code, signal: exit.signal, restartIn: lastDelay });
      await delay(lastDelay, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
    fail(new StoppedError(`${this.name} was stopped`));
  }

  /** Runs the process until it ends. */
  async #runOnce(
    attempt: AbortController,
    startLimit: number | undefined,
  ): Promise<{ exit: Ended; readyAt: number | undefined }> {
    const [file, ...args] = this.#plan.command;
    // A session of its own: Ctrl-C reaches this process only, which then stops the parts in order.
    const child = spawn(file, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...this.#plan.defaultEnvironment, ...process.env, ...this.#plan.environment },
    });
    this.#child = child;
    if (child.pid !== undefined) this.#guard.watch(child.pid);
    let readyAt: number | undefined;
    let problem: string | undefined;
    const limit =
      startLimit &&
      setTimeout(() => {
        problem = `was not ready after ${startLimit / 1000} s`;
        this.kill();
      }, startLimit);
    const onLine = (line: string): void => {
      this.log.write(line);
      this.events.emit("line", line);
      const listening = this.#plan.listening(line);
      if (listening === undefined) return;
      this.#http = listening.http;
      void untilReady(listening, attempt.signal).then((isReady) => {
        if (!isReady || attempt.signal.aborted) return;
        clearTimeout(limit);
        readyAt = Date.now();
        this.#isReady = true;
        this.events.emit("ready");
      });
    };
    readLines(child.stdout, onLine);
    readLines(child.stderr, onLine);
    const exit = await ended(child);
    attempt.abort();
    clearTimeout(limit);
    this.#child = undefined;
    this.#isReady = false;
    if (child.pid !== undefined) this.#guard.forget(child.pid);
    return { exit: problem === undefined ? exit : { ...exit, problem }, readyAt };
  }

  #startFailure(exit: Ended): Error {
    const tail = this.log.tail();
    const lines = tail.length === 0 ? "" : `; its last lines in ${this.log.file}:\n  ${tail.join("\n  ")}`;
    return new UsageError(`${this.name} ${exit.problem ?? exitWords(exit)}${lines}`);
  }
}

type Ended = { code: number | null; signal: NodeJS.Signals | null; problem?: string };

/** Done when the process is gone and all that it printed has been read. */
async function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      if (child.pid === undefined) {
        resolve({ code: null, signal: null, problem: `could not be started: ${error.message}` });
      }
    });
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

/** How a process ended, in words that follow its name. */
export function exitWords({ code, signal }: Pick<Exit, "code" | "signal">): string {
  return signal === null ? `ended with exit code ${code}` : `was killed (${signal})`;
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null)
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
