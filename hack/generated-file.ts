import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file that is made from others; when the program was called with --check, fails instead where the file is not
 * what it would be.
 * @param source what it is made from, for people
 * @param command what writes it
 */
export function writeGenerated(file: string, wanted: string, source: string, command: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === wanted) return;
  if (isChecking()) {
    fail(file, source, command);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
}

/** Whether files are to be compared, not written. */
export const isChecking = (): boolean => process.argv.includes("--check");

/** Says that a file is stale, and has the program fail when it ends. */
export function fail(file: string, source: string, command: string): void {
  process.stderr.write(`${file}: is not what ${source} says; run \`${command}\`\n`);
  process.exitCode = 1;
}

/** `text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced. */
export function between(text: string, name: string, inner: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no ${begin.trim()} with an end`);
  return text.slice(0, from + begin.length) + inner + text.slice(to);
}
