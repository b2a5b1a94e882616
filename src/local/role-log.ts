/** What a line of a role's JSON log says, as far as `disroom up` needs it. */
export type RoleLine = {
  readonly level: number;
  readonly msg: string;
  readonly http?: string;
  readonly err?: { readonly message?: string };
};

const warnLevel = 40;

export function parseRoleLine(line: string): RoleLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The text for a person of a warning or an error; undefined for what need not interest anyone. */
export function warningIn(line: string): string | undefined {
  const parsed = parseRoleLine(line);
  if (parsed === undefined || parsed.level < warnLevel) return undefined;
  const reason = parsed.err?.message;
  return reason === undefined ? parsed.msg : `${parsed.msg} (${reason})`;
}
