import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

/** Passwords of the parts among themselves. */
export type Credentials = {
  readonly nats: string;
  readonly natsRoutes: string;
  readonly redis: string;
};

/** The credentials in `file`, which only its owner can read; made anew if there are none yet. */
export function loadCredentials(file: string): Credentials {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const password = (): string => randomBytes(24).toString("base64url");
  const made = { nats: password(), natsRoutes: password(), redis: password() };
  writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  return made;
}
