import { Random } from "../../test/chaos/random.ts";
import { settings, step, type Trace } from "./trace.ts";

const partitions = settings.maxReplicas;
/** A server sends what came while its publish before was under way as one batch; so long is that, in seconds. */
const publishTime = 0.001;
const minute = 60;

type Shape = {
  readonly seconds: number;
  /** Messages per second at a time, before noise. */
  readonly load: (time: number) => number;
  /** How much the load varies around that, as a share. */
  readonly noise?: number;
  readonly workersAtStart: number;
  readonly startsCold?: boolean;
  readonly speed?: (time: number) => number;
  readonly hangs?: readonly number[];
  readonly gap?: { readonly from: number; readonly to: number };
};

type Scenario = {
  readonly name: string;
  readonly title: string;
  readonly shape: (random: Random) => Shape;
};

const between = (random: Random, low: number, high: number): number => low + random.next() * (high - low);

/** What a careful person would have begun with. */
const workersFor = (load: number): number => Math.ceil(load / 7000);

/** From 0 to 1 between two times. */
const slope = (time: number, from: number, to: number): number =>
  Math.min(1, Math.max(0, (time - from) / (to - from)));

/** From 0 to 1 and back in one period. */
const wave = (time: number, period: number): number => (1 - Math.cos((2 * Math.PI * time) / period)) / 2;

export const scenarios: readonly Scenario[] = [
  {
    name: "step",
    title: "load grows tenfold at once, and stays",
    shape: (random) => {
      const base = between(random, 4500, 7000);
      const at = between(random, 39, 41) * minute;
      return {
        seconds: 60 * minute,
        workersAtStart: 2,
        load: (time) => (time < at ? base : base * 10),
      };
    },
  },
  {
    name: "day",
    title: "a day's curve, in two hours",
    shape: (random) => {
      const night = between(random, 2500, 4000);
      const peak = between(random, 50_000, 75_000);
      const phase = random.next() * 0.2;
      const evening = between(random, 0.6, 1);
      return {
        seconds: 120 * minute,
        workersAtStart: 2,
        load: (time) => {
          const day = time / (120 * minute) + phase;
          return night + (peak - night) * (wave(day, 1) ** 2 * 0.7 + wave(day, 0.5) * 0.3 * evening);
        },
      };
    },
  },
  {
    name: "flash-crowd",
    title: "a crowd comes within seconds, and is gone minutes later",
    shape: (random) => {
      const base = between(random, 4500, 7000);
      const at = between(random, 15, 17) * minute;
      const height = between(random, 8, 12);
      const rise = between(random, 5, 20);
      const stay = between(random, 6, 10) * minute;
      const fall = between(random, 30, 90);
      return {
        seconds: 60 * minute,
        workersAtStart: 2,
        load: (time) => {
          const up = slope(time, at, at + rise);
          const down = Math.exp(-Math.max(0, time - at - rise - stay) / fall);
          return base * (1 + (height - 1) * up * down);
        },
      };
    },
  },
  {
    name: "sawtooth",
    title: "load grows steadily and falls at once, again and again",
    shape: (random) => {
      const low = between(random, 5000, 10_000);
      const high = between(random, 45_000, 65_000);
      const period = between(random, 7, 12) * minute;
      return {
        seconds: 60 * minute,
        workersAtStart: 2,
        load: (time) => low + (high - low) * ((time % period) / period),
      };
    },
  },
  {
    name: "slow-workers",
    title: "workers do half of what they did, for a quarter of an hour",
    shape: (random) => {
      const load = between(random, 25_000, 45_000);
      const at = between(random, 14, 16) * minute;
      const speed = between(random, 0.4, 0.6);
      return {
        seconds: 50 * minute,
        workersAtStart: workersFor(load),
        load: () => load,
        speed: (time) => (time >= at && time < at + 15 * minute ? speed : 1),
      };
    },
  },
  {
    name: "hung-worker",
    title: "a worker hangs at the peak of an hour's load, and another later",
    shape: (random) => {
      const peak = between(random, 30_000, 55_000);
      const valley = between(random, 0.2, 0.4);
      return {
        seconds: 60 * minute,
        workersAtStart: workersFor(peak * valley),
        load: (time) => peak * (valley + (1 - valley) * wave(time, 60 * minute)),
        hangs: [between(random, 26, 32) * minute, between(random, 42, 48) * minute],
      };
    },
  },
  {
    name: "gap",
    title: "nothing can be measured for some minutes, in which the load doubles; later it falls again",
    shape: (random) => {
      const load = between(random, 15_000, 30_000);
      const from = between(random, 20, 22) * minute;
      const to = from + between(random, 3, 7) * minute;
      const fallsAt = between(random, 38, 40) * minute;
      return {
        seconds: 80 * minute,
        workersAtStart: workersFor(load),
        load: (time) => load * (1 + slope(time, from, to) - slope(time, fallsAt, fallsAt + 2 * minute)),
        gap: { from, to },
      };
    },
  },
  {
    name: "cold-start",
    title: "everything starts at once: no worker runs, and the load is there",
    shape: (random) => {
      const load = between(random, 25_000, 60_000);
      return { seconds: 30 * minute, workersAtStart: 1, startsCold: true, load: () => load };
    },
  },
  {
    name: "steady",
    title: "a steady load with 20 % noise",
    shape: (random) => {
      const load = between(random, 25_000, 60_000);
      return { seconds: 60 * minute, workersAtStart: workersFor(load), load: () => load, noise: 0.2 };
    },
  },
];

/** The trace of a scenario that this seed makes; of the same seed it is always the same. */
export function traceOf({ name, title, shape }: Scenario, seed: number): Trace {
  let hash = seed * 2654435761;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  const random = new Random(hash);
  const { seconds, load, noise = 0.05, workersAtStart, startsCold = false, gap, ...more } = shape(random);
  const { speed = () => 1, hangs = [] } = more;
  const steps = Math.round(seconds / step);
  const servers = 3;
  const bytesPerMessage = between(random, 150, 220);
  const times = Array.from({ length: steps }, (_, index) => index * step);
  const weights = Array.from({ length: partitions }, () => between(random, 0.8, 1.2));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const noisy = noiseOf(random, steps, noise);
  return {
    ...{ name, title, servers, workersAtStart, startsCold, hangs, gap },
    arrivals: times.map((time, index) => {
      const messages = load(time) * (noisy[index] ?? 1);
      const publishers = servers * partitions;
      const batches = messages / (1 + (messages / publishers) * publishTime);
      return { messages, bytes: messages * bytesPerMessage, batches };
    }),
    shares: weights.map((weight) => weight / sum),
    speed: times.map(speed),
    samples: sampleTimes(random, seconds),
    // A new HPA is looked at for the first time after one period.
    firstSync: startsCold ? 15 : random.next() * 15,
    startTimes: Array.from({ length: 1000 }, () => between(random, 2, 6)),
    chance: times.map(() => random.next()),
  };
}

/** Factors around 1: every one to five seconds another, evenly spread. */
function noiseOf(random: Random, steps: number, noise: number): number[] {
  const factors: number[] = [];
  while (factors.length < steps) {
    const factor = 1 + (random.next() * 2 - 1) * noise;
    const count = random.between(Math.round(1 / step), Math.round(5 / step));
    for (let index = 0; index < count; index++) factors.push(factor);
  }
  return factors;
}

/** Every three to five seconds; what is measured is up to 5 % off. */
function sampleTimes(random: Random, seconds: number): { at: number; error: number }[] {
  const samples: { at: number; error: number }[] = [];
  for (let at = random.next() * 5; at < seconds; at += between(random, 3, 5)) {
    samples.push({ at, error: between(random, 0.95, 1.05) });
  }
  return samples;
}
