import { runRole } from "../platform/role.ts";
import { readSettings } from "../platform/settings.ts";
import { workerSettings } from "./settings.ts";
import { Worker, workerConnecting } from "./worker.ts";

/** `disroom worker`: runs until SIGTERM or SIGINT. */
export async function runWorker(args: readonly string[]): Promise<void> {
  const settings = readSettings(workerSettings, args, process.env);
  await runRole("worker", settings, (context) => Worker.start({ ...context, settings }), workerConnecting);
}
