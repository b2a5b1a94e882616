import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ViolationKind } from "./checker.ts";
import type { Mutant } from "./mutants.ts";

/** All that a run needs besides the packages. */
const copied = ["src", "test/chaos", "crds", "package.json"];

export type RunOfCopy = {
  /** How many messages of each kind of violation it has reported; undefined when it did not get that far. */
  readonly found: ReadonlyMap<ViolationKind, number> | undefined;
  /** All that it said. */
  readonly output: string;
};

/** Runs the chaos of the sources with a change, in a copy that is gone afterwards; undefined changes nothing. */
export async function runCopy(
  mutant: Mutant | undefined,
  args: string,
  signal: AbortSignal,
): Promise<RunOfCopy> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "disroom-mutant-"));
  try {
    for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    if (mutant !== undefined) change(folder, mutant);
    const output = await run(folder, args, signal);
    return { found: foundIn(output), output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function change(folder: string, { name, file, text, replacement }: Mutant): void {
  const path = join(folder, file);
  const parts = readFileSync(path, "utf8").split(text);
  if (parts.length !== 2) {
    throw new Error(
      `${file} has this ${parts.length - 1} times, not once; the mutant "${name}" has to follow:\n${text}`,
    );
  }
  writeFileSync(path, parts.join(replacement));
}

/** What it leaves of its logs, since it finds something, goes with the copy. */
async function run(folder: string, args: string, signal: AbortSignal): Promise<string> {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const child = spawn(process.execPath, ["test/chaos/run.ts", ...args.split(" ")], {
    cwd: folder,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = (): void => void child.kill();
  signal.addEventListener("abort", end);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
    });
  }
  await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  signal.removeEventListener("abort", end);
  return output;
}

/** Reads the table of a report. */
function foundIn(output: string): Map<ViolationKind, number> | undefined {
  const kinds: readonly ViolationKind[] = [
    "lost",
    "duplicated",
    "reordered",
    "refused but stored",
    "not stored",
    "forgotten",
  ];
  const counts = kinds.map((kind) => {
    const count = new RegExp(`^ {2}${kind} +(\\d+)$`, "m").exec(output)?.[1];
    return [kind, Number(count)] as const;
  });
  return counts.some(([, count]) => Number.isNaN(count)) ? undefined : new Map(counts);
}
