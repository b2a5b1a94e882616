// Load on a cluster that runs, `make up ARGS="--no-sync --unlimited"` say, with every delivery checked:
// `npm run bench:chat -- --rooms 20 --members 10 --senders 10 --window 8 --seconds 10 --port 8080`
import { integer, readSettings, text } from "../src/platform/settings.ts";
import { runChatLoad } from "./load/chat-load.ts";

const settings = readSettings(
  {
    host: text("127.0.0.1", "address of the chat port"),
    port: integer(8080, "chat port"),
    rooms: integer(20, "rooms"),
    members: integer(10, "members of a room"),
    senders: integer(10, "members of a room that send"),
    window: integer(8, "messages that a sender has open at once"),
    bytes: integer(64, "bytes of a message's text"),
    seconds: integer(10, "how long messages are sent"),
  },
  process.argv.slice(2),
  {},
);
const before = process.cpuUsage();
const { messages, deliveries, seconds, latencies, faults } = await runChatLoad({
  host: settings.host,
  port: settings.port,
  rooms: settings.rooms,
  membersPerRoom: settings.members,
  sendersPerRoom: settings.senders,
  window: settings.window,
  messageBytes: settings.bytes,
  milliseconds: settings.seconds * 1000,
  prefix: `bench-${process.pid}`,
});
const { user, system } = process.cpuUsage(before);
const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => latencies.percentile(share).toFixed(1));
console.log(`${Math.round(messages / seconds)} messages/s, ${Math.round(deliveries / seconds)} deliveries/s`);
console.log(`latency p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms`);
console.log(`this generator used ${((user + system) / 1e6 / seconds).toFixed(2)} cores`);
console.log(faults.length === 0 ? "every member got every message once, in one order" : faults.join("\n"));
process.exitCode = faults.length === 0 ? 0 : 1;
