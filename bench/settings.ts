import { flag, integer, oneOf, type Setting, type ValuesOf } from "../src/platform/settings.ts";

/** What can be measured, in the order in which it is. */
export const sections = [
  ...["A", "B", "C", "D", "E", "F", "G", "H"],
  ...["curve", "scaling", "limits"],
] as const;
export type SectionId = (typeof sections)[number];

const isSection = (id: string): boolean => (sections as readonly string[]).includes(id);

function list(description: string): Setting<readonly string[]> {
  return {
    default: sections,
    description: `${description} (${sections.join(",")})`,
    parse: (given) => {
      const chosen = given.split(",");
      const unknown = chosen.find((id) => !isSection(id));
      if (unknown !== undefined)
        throw new Error(`must be some of ${sections.join(",")}, and ${unknown} is none`);
      return sections.filter((id) => chosen.includes(id));
    },
  };
}

function decimal(fallback: number, description: string): Setting<number> {
  return {
    default: fallback,
    description,
    parse: (given) => {
      if (!/^\d+(\.\d+)?$/.test(given)) throw new Error("must be a number");
      return Number(given);
    },
  };
}

/** Everything that can be set on `make bench`. */
export const benchSettings = {
  workloads: list("what is measured"),
  only: oneOf(["both", "disroom", "ngircd"], "both", "which services"),
  variants: {
    default: "",
    description: "which of DisRoom's variants (no-fsync,fsync,nats3,nats3-fsync,2x3); all, if none is given",
    parse: (given: string) => given,
  },
  rounds: integer(3, "how often each service is measured, in turns", { min: 1 }),
  seconds: decimal(3, "how long a run's messages count"),
  warmup: decimal(3, "seconds of a run before that"),
  hotSeconds: decimal(60, "how long a run of workload H lasts"),
  historyRooms: integer(10_000, "rooms of workload G", { min: 100 }),
  historyMessages: integer(1_000_000, "messages of workload G", { min: 1000 }),
  stepTime: integer(500, "milliseconds that the routing step takes in the worker scaling", { min: 1 }),
  results: {
    default: "",
    description: "folder of the results; bench/results for all of it, bench/results/partial for a selection",
    parse: (given: string) => given,
  },
  help: flag("show this"),
};

export type BenchSettings = ValuesOf<typeof benchSettings>;
