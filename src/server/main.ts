import { runRole } from "../platform/role.ts";
import { readSettings } from "../platform/settings.ts";
import { Server } from "./server.ts";
import { serverSettings } from "./settings.ts";

/** `disroom server`: runs until SIGTERM or SIGINT. */
export async function runServer(args: readonly string[]): Promise<void> {
  const settings = readSettings(serverSettings, args, process.env);
  await runRole("server", settings, (context) => Server.start(context, settings));
}
