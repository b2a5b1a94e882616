import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { findBinaries } from "../../src/local/binaries.ts";
import { findNgircd } from "../targets/ngircd.ts";

/** What a reader has to know of where the figures come from. */
export type Machine = Readonly<Record<string, string>>;

export function describeMachine(args: readonly string[]): Machine {
  const [first] = cpus();
  const { natsServer, redisServer } = findBinaries();
  return {
    date: new Date().toISOString(),
    command: ["make bench", ...(args.length === 0 ? [] : [`ARGS="${args.join(" ")}"`])].join(" "),
    revision: firstLine("git", ["describe", "--always", "--dirty"]),
    processor: `${cpus().length} x ${first?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `Linux ${release()}`,
    "load before": loadavg()
      .map((load) => load.toFixed(2))
      .join(" "),
    node: process.version,
    nats: firstLine(natsServer, ["--version"]),
    redis: firstLine(redisServer, ["--version"]),
    ngircd: firstLine(findNgircd(), ["--version"]),
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
