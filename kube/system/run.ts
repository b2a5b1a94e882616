import { execFile } from "node:child_process";

/**
 * Runs a command until it ends and returns what it wrote to its standard output. It is given as a text without quotes,
 * or as a list of words.
 * @throws Error with the command and what it wrote to its standard error, if it fails.
 */
export function run(command: string | readonly string[]): Promise<string> {
  const words = typeof command === "string" ? command.split(" ") : command;
  const [file = "", ...args] = words;
  return new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${words.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}
