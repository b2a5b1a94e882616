import { commonSettings } from "../platform/common-settings.ts";
import { duration, flag, integer, text } from "../platform/settings.ts";

/** Everything that can be set on a chat server. */
export const serverSettings = {
  ...commonSettings,
  host: text("127.0.0.1", "address of the chat port"),
  port: integer(8080, "chat port; 0 takes a free one", { max: 65535 }),
  reusePort: flag("share the chat port with other servers of this machine (SO_REUSEPORT)"),
  redisUrl: text("redis://127.0.0.1:6379", "Redis, redis://:password@host:6379"),
  maxConnections: integer(10_000, "connections at once; one more is refused with a reason", { min: 1 }),
  messagesPerSecond: integer(
    20,
    "messages per second and connection, with bursts of five seconds' worth; a faster sender is read more slowly; 0 for no limit",
  ),
  sendQueueBytes: integer(1_048_576, "unread bytes after which a member that does not read is closed", {
    min: 65_536,
  }),
  joinTimeout: duration(60_000, "how long a connection may stay without joining a room"),
  maxLineBytes: integer(4096, "longest line that is read", { min: 128, max: 65_536 }),
  partitionBufferBytes: integer(
    8_388_608,
    "bytes of accepted messages that may wait per partition; then reading pauses",
    { min: 1_048_576 },
  ),
  sendTimeout: duration(
    10_000,
    "how long a sender waits for its message to be stored before it gets an error",
    {
      min: 1000,
    },
  ),
  presenceLease: duration(10_000, "how long after a server died its users are taken off the lists", {
    min: 1000,
  }),
  roomCheckInterval: duration(5000, "how often a server asks whether it missed the last message of a room", {
    min: 100,
  }),
};
