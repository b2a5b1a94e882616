import { columns } from "../platform/columns.ts";
import { warningIn } from "./role-log.ts";
import { type Exit, exitWords, type Part } from "./supervisor.ts";

type Write = (line: string) => void;

/** How long the same warning of the same part is not repeated, in milliseconds. */
const quietTime = 10_000;

/** Tells a person what happens to `part`, a line each. Nothing is told once `isStopping` says so. */
export function reportOn(part: Part, write: Write, isStopping: () => boolean): void {
  const begun = Date.now();
  let wasReady = false;
  part.events.on("ready", () => {
    const seconds = ((Date.now() - begun) / 1000).toFixed(1);
    write(
      wasReady ? `${part.name} is back, process ${part.pid}` : `${part.name} is ready after ${seconds} s`,
    );
    wasReady = true;
  });
  part.events.on("exit", (exit: Exit) => {
    if (!isStopping())
      write(`${part.name} ${exitWords(exit)}; starting it again in ${exit.restartIn / 1000} s`);
  });
  if (part.kind === "server" || part.kind === "worker") reportWarnings(part, write, isStopping);
}

function reportWarnings(part: Part, write: Write, isStopping: () => boolean): void {
  const lastTold = new Map<string, number>();
  part.events.on("line", (line) => {
    const warning = warningIn(line);
    if (warning === undefined || isStopping()) return;
    const now = Date.now();
    if (now - (lastTold.get(warning) ?? 0) < quietTime) return;
    if (lastTold.size > 100) lastTold.clear();
    lastTold.set(warning, now);
    write(`${part.name}: ${warning}`);
  });
}

/** The parts as a table: name, process, HTTP address. */
export function partTable(parts: readonly Pick<Part, "name" | "pid" | "http">[]): string[] {
  const rows = [
    ["part", "process", "metrics"],
    ...parts.map(({ name, pid, http }) => [
      name,
      `${pid ?? "-"}`,
      http === undefined ? "-" : metricsOf(name, http),
    ]),
  ];
  return columns(rows).map((row) => `  ${row}`);
}

/** nats-server's own monitoring is no Prometheus text, but the next best thing. */
const metricsOf = (name: string, http: string): string =>
  `http://${http}${name.startsWith("nats-") ? "/varz" : "/metrics"}`;
