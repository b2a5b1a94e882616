import { join } from "node:path";
import { Guard } from "./guard.ts";
import { PartLog } from "./part-log.ts";
import type { RestartDelay } from "./restart-delay.ts";
import { Part, type PartKind, type PartPlan } from "./supervisor.ts";

/** Servers first, while what they still have to say can be stored; NATS and Redis when nobody needs them. */
const stopOrder: readonly (readonly PartKind[])[] = [["server"], ["worker"], ["redis", "nats"]];

/** The parts of a cluster that run or are being restarted, in the order in which they were started. */
export class RunningParts {
  readonly #parts: Part[] = [];
  readonly #guard = new Guard();
  readonly #logs: string;
  readonly #onPart: (part: Part) => void;
  readonly #restartDelay: RestartDelay | undefined;
  #stopped: Promise<void> | undefined;

  /** `logs` is the folder of the parts' logs; `onPart` is called for each part before it is started. */
  constructor(logs: string, onPart: (part: Part) => void, restartDelay?: RestartDelay) {
    this.#logs = logs;
    this.#onPart = onPart;
    this.#restartDelay = restartDelay;
  }

  /** Done when the part is ready; throws what Part.start throws, or that the cluster is being stopped: then it is none of the parts. */
  async start(plan: PartPlan): Promise<Part> {
    if (this.#stopped !== undefined) throw new Error("the cluster was stopped");
    const part = new Part(
      plan,
      new PartLog(join(this.#logs, `${plan.name}.log`)),
      this.#guard,
      this.#restartDelay,
    );
    this.#parts.push(part);
    this.#onPart(part);
    try {
      await part.start();
    } catch (error) {
      await this.remove(part);
      throw error;
    }
    return part;
  }

  list(...kinds: readonly PartKind[]): Part[] {
    return kinds.length === 0 ? [...this.#parts] : this.#parts.filter(({ kind }) => kinds.includes(kind));
  }

  /** The number that the next part of this kind gets. */
  nextNumber(kind: PartKind): number {
    return 1 + Math.max(0, ...this.list(kind).map(numberOf));
  }

  /** The part of that number (`server-2` is number 2). */
  find(kind: PartKind, number: number): Part {
    const part = this.list(kind).find((candidate) => numberOf(candidate) === number);
    if (part === undefined) throw new Error(`there is no ${kind}-${number}`);
    return part;
  }

  /** Stops one part for good. */
  async remove(part: Part): Promise<void> {
    await part.stop();
    const index = this.#parts.indexOf(part);
    if (index >= 0) this.#parts.splice(index, 1);
  }

  /** Stops all in order. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  async #stopInOrder(): Promise<void> {
    for (const kinds of stopOrder) await Promise.all(this.list(...kinds).map((part) => part.stop()));
    this.#guard.close();
  }
}

const numberOf = ({ name }: Part): number => Number(name.split("-").at(-1));
