import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

/** What a reader has to know of where the figures come from. */
export type Machine = Readonly<Record<string, string>>;

/** Programs whose versions count, each with the arguments that make it tell its own. */
export type Programs = Readonly<Record<string, readonly [file: string, ...args: string[]]>>;

/** `target` and `args`: what make was asked for. */
export function describeMachine(target: string, args: readonly string[], programs: Programs): Machine {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    command: [`make ${target}`, ...(args.length === 0 ? [] : [`ARGS="${args.join(" ")}"`])].join(" "),
    revision: firstLine("git", ["describe", "--always", "--dirty"]),
    processor: `${cpus().length} x ${first?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `Linux ${release()}`,
    "load before": loadavg()
      .map((load) => load.toFixed(2))
      .join(" "),
    node: process.version,
    ...Object.fromEntries(
      Object.entries(programs).map(([name, [file, ...versionArgs]]) => [name, firstLine(file, versionArgs)]),
    ),
  };
}

function firstLine(file: string, args: readonly string[]): string {
  try {
    return (
      execFileSync(file, [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split(
        "\n",
      )[0] ?? ""
    );
  } catch {
    return "unknown";
  }
}
