import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { sumOf } from "../report/numbers.ts";

/** Processes to measure: a name for each, and its process id. */
export type Processes = Readonly<Record<string, number>>;

export type Usage = {
  /** Seconds of CPU time since the process began. */
  readonly cpuSeconds: number;
  /** Bytes. */
  readonly resident: number;
  readonly peak: number;
};

/** Linux counts in hundredths of a second for its users, whatever it does inside. */
const ticksPerSecond = 100;

/** What the processes have used so far. Throws where one is gone. */
export function usageOf(processes: Processes): Record<string, Usage> {
  return Object.fromEntries(
    Object.entries(processes).map(([name, pid]) => {
      try {
        return [name, usage(pid)];
      } catch (error) {
        throw new Error(`the process ${name} (${pid}) is gone`, { cause: error });
      }
    }),
  );
}

function usage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The program's name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    resident: bytes("VmRSS"),
    peak: bytes("VmHWM"),
  };
}

/** Seconds of CPU time from `before` to `after`, by process. */
export const cpuBetween = (
  before: Readonly<Record<string, Usage>>,
  after: Readonly<Record<string, Usage>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after).map(([name, { cpuSeconds }]) => [
      name,
      cpuSeconds - (before[name]?.cpuSeconds ?? 0),
    ]),
  );

/** Seconds of CPU time that all processes of the machine have used since it was started. */
export function machineCpuSeconds(): number {
  return cpus().reduce((sum, { times: { idle, ...busy } }) => sum + sumOf(busy), 0) / 1000;
}
