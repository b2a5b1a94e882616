import { pino } from "pino";
import pretty from "pino-pretty";

/** What every role logs through: `log.info({ room }, "room opened")`. */
export type Log = Pick<pino.Logger, "debug" | "info" | "warn" | "error" | "fatal"> & {
  child(fields: Record<string, unknown>): Log;
};

/** A role's log on standard error: one JSON object a line, or readable lines on a terminal. */
export function createLog(role: string, level: string): Log {
  const options = { base: { role, pid: process.pid }, level, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: "pid,hostname", messageFormat: "{role}: {msg}" })
    : pino.destination({ dest: 2, sync: true });
  return pino(options, destination);
}
