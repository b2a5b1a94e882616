// Load on a service that runs, `make up ARGS="--no-sync --unlimited"` say, with every delivery checked:
// `npm run bench:chat -- --rooms 20 --members 10 --senders 10 --window 8 --seconds 10 --port 8080`
import { flag, integer, oneOf, readSettings, text } from "../src/platform/settings.ts";
import { runLoad } from "./load/run-load.ts";
import { chat } from "./protocols/chat.ts";
import { irc } from "./protocols/irc.ts";
import { arrivalMeans } from "./protocols/protocol.ts";

const settings = readSettings(
  {
    host: text("127.0.0.1", "address of the chat port"),
    port: integer(8080, "chat port"),
    protocol: oneOf(["chat", "irc"], "chat", "what the service speaks"),
    rooms: integer(20, "rooms"),
    members: integer(10, "members of a room"),
    senders: integer(10, "members of a room that send"),
    window: integer(8, "messages that a sender has open at once"),
    rate: integer(0, "messages per second in all, instead of a window; 0 for a window"),
    bytes: integer(64, "bytes of a message's text"),
    warmup: integer(0, "seconds that messages are sent before they count"),
    seconds: integer(10, "how long messages are sent"),
    json: flag("print all that was measured"),
  },
  process.argv.slice(2),
  {},
);
const { host, port, protocol, members, senders, window, rate, bytes, warmup, seconds } = settings;
const result = await runLoad({
  host,
  port,
  protocol: protocol === "chat" ? "chat" : "irc",
  members,
  senders,
  seconds,
  rooms: Array.from({ length: settings.rooms }, (_, index) => `bench-${process.pid}-${index}`),
  pace: rate > 0 ? { messagesPerSecond: rate } : { window },
  textBytes: bytes,
  warmupSeconds: warmup,
});
if (settings.json) console.log(JSON.stringify(result, undefined, 2));
const perSecond = (count: number): number => Math.round(count / result.seconds);
const [p50, p99, p999] = [result.latency.p50, result.latency.p99, result.latency.p999].map((ms) =>
  ms.toFixed(1),
);
console.log(`${perSecond(result.messages)} messages/s, ${perSecond(result.deliveries)} deliveries/s`);
console.log(`latency p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms`);
console.log(`an arrival is ${arrivalMeans(protocol === "chat" ? chat : irc)}`);
console.log(`this generator used ${(result.generatorCpuSeconds / result.seconds).toFixed(2)} cores`);
const fine = "every member got every message once, in order";
console.log(result.faults.length === 0 ? fine : result.faults.join("\n"));
process.exitCode = result.faults.length === 0 ? 0 : 1;
