import type { Random } from "./random.ts";

/** Clients are behind as many routers: a fault of their link to the servers concerns those behind one. */
export const routers = 3;

/** How many of each part there are. */
export type Size = { readonly servers: number; readonly workers: number; readonly nats: number };

export type FaultKind = (typeof faultKinds)[number];

const processFaults = (["kill", "freeze", "stop"] as const).flatMap((action) =>
  (["server", "worker", "nats", "nats-majority", "redis"] as const).map(
    (target) => `${action}-${target}` as const,
  ),
);
const linkFaults = (["cut", "silent", "one-way", "slow"] as const).flatMap((action) =>
  (["people-servers", "server-nats", "worker-nats", "server-redis", "nats-nats"] as const).map(
    (target) => `${action}-${target}` as const,
  ),
);

/** Every kind of fault: what is done, and to what. */
export const faultKinds = [
  ...processFaults,
  ...linkFaults,
  "lame-duck-nats",
  "isolate-nats",
  "step-down",
  "full-disk-nats",
  "full-queue",
] as const;

export type PlannedFault = {
  readonly kind: FaultKind;
  /** When it begins, in milliseconds after the start. */
  readonly at: number;
  /** How long it lasts, in milliseconds; what was killed or stopped is back when it is back. */
  readonly milliseconds: number;
  /** The parts concerned; for a link, its two ends. */
  readonly parts: readonly string[];
  /** Of a link: whether what did not pass is lost with its connection, or arrives late. Both happen. */
  readonly lost: boolean;
  /** What else is left to chance, from 0 to 1. */
  readonly chance: number;
};

export type PlanOptions = {
  readonly size: Size;
  readonly kinds: readonly FaultKind[];
  /** It ends with this many faults, or when the next would begin later than that. */
  readonly faults?: number;
  readonly milliseconds?: number;
};

/** Shortest and longest times between the beginnings of two faults, in milliseconds. */
const pause = { shortest: 500, longest: 5000 };
/** How long a part is left alone after a fault, in milliseconds: it has to come back and to catch up. */
const recovery = 3000;

/** Nothing else happens around this one, so that what it does can be told from what others do. */
const lonely: FaultKind = "full-queue";
const lonelyMargin = 2500;

const lonelyLast = (kinds: readonly FaultKind[]): FaultKind[] => [
  ...kinds.filter((kind) => kind !== lonely),
  ...kinds.filter((kind) => kind === lonely),
];

/**
 * Faults of all kinds, in an order of chance: each kind once before any comes again. Two faults at the same
 * time concern different parts.
 */
export function planFaults(random: Random, options: PlanOptions): PlannedFault[] {
  const { size, kinds, faults = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY } = options;
  const plan: PlannedFault[] = [];
  let deck: FaultKind[] = [];
  const busyUntil = new Map<string, number>();
  let lonelyUntil = 0;
  let at = 0;
  while (plan.length < faults) {
    if (deck.length === 0) deck = lonelyLast(random.shuffled(kinds));
    const kind = deck.shift() as FaultKind;
    at = Math.max(at + random.between(pause.shortest, pause.longest), lonelyUntil);
    const freeAt = (parts: readonly string[]): number =>
      Math.max(...parts.map((part) => busyUntil.get(part) ?? 0), 0);
    const choices = Array.from({ length: 8 }, () => partsOf(kind, size, random));
    const parts = choices.find((choice) => freeAt(choice) <= at) ?? (choices[0] as string[]);
    const fault = {
      kind,
      milliseconds: durationOf(kind, random),
      parts,
      lost: random.chance(0.5),
      chance: random.next(),
    };
    at = Math.max(at, freeAt(parts));
    if (kind === lonely) at = Math.max(at, ...busyUntil.values()) + lonelyMargin;
    if (at > milliseconds) break;
    plan.push({ ...fault, at });
    if (kind === lonely) lonelyUntil = at + fault.milliseconds + 2 * lonelyMargin;
    for (const part of parts) busyUntil.set(part, at + fault.milliseconds + recovery);
  }
  return plan;
}

/** The kinds that a comma-separated list means: whole names, or words of them (`kill`, `redis`). */
export function kindsNamed(list: string): FaultKind[] {
  return list.split(",").flatMap((name) => {
    if (faultKinds.includes(name as FaultKind)) return [name as FaultKind];
    const found = faultKinds.filter((kind) => `-${kind}-`.includes(`-${name}-`));
    if (found.length === 0) throw new Error(`no kind of fault is called ${name}; ${faultKinds.join(", ")}`);
    return found;
  });
}

/** What cannot happen to a cluster of this size is left out. */
export const kindsFor = (kinds: readonly FaultKind[], { nats }: Size): FaultKind[] =>
  kinds.filter((kind) => nats > 1 || !/majority|nats-nats|isolate|step-down|lame-duck/.test(kind));

function durationOf(kind: FaultKind, random: Random): number {
  if (kind.startsWith("kill") || kind.startsWith("stop") || kind === "step-down") return 1000;
  // Short of the 10 s of a send, so that all that the queue took is stored in time.
  if (kind === "full-queue") return 6000;
  // It sends its clients away one by one and ends when the last has gone.
  if (kind === "lame-duck-nats") return 10_000;
  // What a worker has published arrives when another has its batch, 3 s later.
  if (kind === "silent-worker-nats" || kind === "one-way-worker-nats") return random.between(3500, 8000);
  // Around the 3 s after which a batch is handed out again, and once in a while close to the 10 s of a send.
  return random.chance(0.7) ? random.between(500, 5000) : random.between(5000, 9000);
}

function partsOf(kind: FaultKind, size: Size, random: Random): string[] {
  const server = (): string => `server-${random.between(1, size.servers)}`;
  const worker = (): string => `worker-${random.between(1, size.workers)}`;
  const nats = random.shuffled(Array.from({ length: size.nats }, (_, index) => `nats-${index + 1}`));
  const [first = ""] = nats;
  if (kind === "step-down") return [];
  if (kind === "full-queue") return Array.from({ length: size.workers }, (_, index) => `worker-${index + 1}`);
  if (kind.endsWith("-people-servers")) return [`people-${random.between(1, routers)}`, "servers"];
  if (kind.endsWith("-server-nats")) return [server(), first];
  if (kind.endsWith("-worker-nats")) return [worker(), first];
  if (kind.endsWith("-server-redis")) return [server(), "redis"];
  if (kind.endsWith("-nats-nats")) return nats.slice(0, 2);
  if (kind.endsWith("-server")) return [server()];
  if (kind.endsWith("-worker")) return [worker()];
  if (kind.endsWith("-redis")) return ["redis"];
  if (kind.endsWith("-nats-majority")) return nats.slice(0, Math.floor(size.nats / 2) + 1);
  return [first];
}
