import type { Log } from "../../src/platform/log.ts";

export type LogLine = {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
};

/** A log whose lines a test can look at. */
export function recordingLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write =
    (level: string) =>
    (fields: unknown, message?: string): void => {
      if (typeof fields === "string") lines.push({ level, message: fields, fields: {} });
      else lines.push({ level, message: message ?? "", fields: fields as Record<string, unknown> });
    };
  const log = {
    ...Object.fromEntries(["debug", "info", "warn", "error", "fatal"].map((level) => [level, write(level)])),
    child: () => log,
  } as unknown as Log;
  return { log, lines };
}
