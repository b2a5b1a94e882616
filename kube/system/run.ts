import { execFile } from "node:child_process";

/**
 * Runs a command until it ends and returns what it wrote to its standard output.
 * @throws Error with the command and what it wrote to its standard error, if it fails.
 */
export function run(command: readonly string[]): Promise<string> {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}
