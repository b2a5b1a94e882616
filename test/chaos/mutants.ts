import type { ViolationKind } from "./checker.ts";

/** The sources with one thing taken out on which exactness rests: a run has to notice. */
export type Mutant = {
  /** What is off. */
  readonly name: string;
  /** From the root of the sources. */
  readonly file: string;
  /** It stands there exactly once. */
  readonly text: string;
  readonly replacement: string;
  /** Any of these will do. */
  readonly finds: readonly ViolationKind[];
  /** Arguments of the run, apart from the seed: the faults that this mutant cannot cope with, and little else. */
  readonly args: string;
  /** Tried in turn, until one finds it. */
  readonly seeds: readonly number[];
};

/** Found by a run of seconds each: the size is the least, so that every fault hits those that are at work. */
export const quickMutants: readonly Mutant[] = [
  {
    name: "the fence",
    file: "src/worker/room-store.ts",
    text: '    fence.set("Nats-Expected-Last-Subject-Sequence", String(lastSequence));\n',
    replacement: "",
    finds: ["duplicated"],
    // What the worker could not send arrives when the other has stored the same batch, 3 s later, and before NATS
    // gives the connection up, after 4 to 6 s: with these seeds, the worker is mute for 4.2 to 4.5 s.
    args: "--kinds one-way-worker-nats --faults 1 --servers 1 --workers 2 --nats 1 --rooms 3",
    seeds: [357, 174, 28],
  },
  {
    name: "gap repair",
    file: "src/server/room.ts",
    text: "if (this.#reading || this.#closed || this.#target <= this.#cursor.last) return;",
    replacement: "return this.#cursor.skipTo(this.#target);",
    finds: ["lost"],
    // People of the other server go on while this one hears nothing of what they say.
    args: "--kinds cut-server-nats --faults 1 --servers 2 --workers 2 --nats 1 --rooms 3",
    seeds: [14, 21, 28],
  },
  {
    name: "discard: new of the queue",
    file: "src/cluster/streams.ts",
    text: "discard: DiscardPolicy.New,",
    replacement: "discard: DiscardPolicy.Old,",
    finds: ["forgotten", "lost"],
    // The queue takes 256 KiB; more is sent while no worker takes any of it.
    args: "--kinds full-queue --faults 1 --servers 2 --workers 2 --nats 1",
    seeds: [2, 5, 9],
  },
];

/** What takes longer, or is less basic: for `make chaos-mutants`. */
export const furtherMutants: readonly Mutant[] = [
  {
    name: "leaving out what is stored",
    file: "src/worker/room-store.ts",
    text: "        if (holds(known.counters, id)) {",
    replacement: "        if (false) {",
    finds: ["duplicated"],
    // Batches wait for the frozen worker that the other has stored when it wakes up.
    args: "--kinds freeze-worker --faults 1 --servers 1 --workers 2 --nats 1 --rooms 3",
    seeds: [2, 10, 21],
  },
  {
    name: "storing before the ack",
    file: "src/worker/queue.ts",
    text: "    const outcome = await this.#options.onDelivery(delivery);\n",
    replacement: "    delivery.ack();\n    const outcome = await this.#options.onDelivery(delivery);\n",
    finds: ["forgotten", "lost"],
    args: "--kinds kill-worker --faults 8 --servers 1 --workers 1 --nats 1",
    seeds: [1, 2, 3],
  },
];
