import { flag, integer, type Setting, text } from "../platform/settings.ts";

/** A setting that means "as the ChatCluster says" until it is given. */
function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, default: undefined };
}

/** Everything that can be set on `disroom up`. */
export const upSettings = {
  file: optional(text("", "file with the ChatCluster to run, also -f; default: a small one for one machine")),
  host: text("127.0.0.1", "address of the chat port; 0.0.0.0 lets other machines in"),
  port: integer(8080, "chat port; 0 takes a free one", { max: 65_535 }),
  data: text(".disroom", "folder for messages, credentials and logs"),
  servers: optional(integer(1, "chat servers, in place of what the ChatCluster says", { min: 1, max: 64 })),
  workers: optional(
    integer(
      1,
      "exactly so many queue workers, whatever waits; without it they follow the lag within the ChatCluster's bounds",
      {
        min: 1,
        max: 64,
      },
    ),
  ),
  nats: optional(
    integer(1, "NATS nodes (1, 3 or 5), in place of what the ChatCluster says", { min: 1, max: 5 }),
  ),
  noSync: flag("do not wait for the disk: quicker, but a power failure may lose the last two minutes"),
  unlimited: flag("no limits per client, for load tests"),
};
