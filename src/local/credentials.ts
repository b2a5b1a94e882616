import { readFileSync, writeFileSync } from "node:fs";
import { type Credentials, generateCredentials } from "../cluster/credentials.ts";

/** The credentials in `file`, which only its owner can read; made anew if there are none yet. */
export function loadCredentials(file: string): Credentials {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const made = generateCredentials();
  writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  return made;
}
