import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

/** A new folder for data that is worth nothing afterwards. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "disroom-bench-"));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  // A process that was ended a moment ago may still have written something.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  folders.delete(folder);
}

// However the bench ends.
process.on("exit", () => {
  for (const folder of folders) removeFolder(folder);
});
