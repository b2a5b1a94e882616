import { parseArgs } from "node:util";
import { isBad, runChaos } from "./chaos.ts";
import { roleCommandOption, say, stopOnSignal, unlessBrokenOff, wholeNumber } from "./command-line.ts";
import { kindsNamed } from "./plan.ts";
import { report } from "./report.ts";

/** `make chaos`: a run of faults from the command line. */

const usage = `Lets faults of all kinds happen to a cluster under load, and checks that no message is lost,
doubled, out of order, or stored although it was refused.

  --seed N          the same seed plans the same faults (by default one of chance)
  --faults N        how many faults (20, if no time is given)
  --seconds N       for how long new faults begin
  --apart N         one fault at a time, the next N seconds after it is over
  --servers N, --workers N, --nats N
                    how many of each (3, 4 and 3)
  --kinds A,B       only these kinds: names or words of them (kill, redis, cut-nats-nats)
  --rooms N, --members N
                    how many rooms (6), and members of each (4)
  --role-command C  the command that runs a server or a worker, to which the role is added
  --keep            keep the logs of the parts although all went well
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    faults: { type: "string" },
    seconds: { type: "string" },
    apart: { type: "string" },
    servers: { type: "string", default: "3" },
    workers: { type: "string", default: "4" },
    nats: { type: "string", default: "3" },
    rooms: { type: "string", default: "6" },
    members: { type: "string", default: "4" },
    kinds: { type: "string" },
    "role-command": { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit();
}
const seed =
  values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : wholeNumber("seed", values.seed);
const signal = stopOnSignal();
say(`seed ${seed}`);
await unlessBrokenOff(signal, async () => {
  const result = await runChaos({
    seed,
    ...(values.seconds !== undefined && { milliseconds: 1000 * wholeNumber("seconds", values.seconds) }),
    ...((values.faults !== undefined || values.seconds === undefined) && {
      faults: wholeNumber("faults", values.faults ?? "20"),
    }),
    ...(values.apart !== undefined && { apart: 1000 * wholeNumber("apart", values.apart) }),
    ...(values.kinds !== undefined && { kinds: kindsNamed(values.kinds) }),
    size: {
      servers: wholeNumber("servers", values.servers),
      workers: wholeNumber("workers", values.workers),
      nats: wholeNumber("nats", values.nats),
    },
    rooms: wholeNumber("rooms", values.rooms),
    membersPerRoom: wholeNumber("members", values.members),
    ...roleCommandOption(values["role-command"]),
    keep: values.keep,
    signal,
    onLine: say,
  });
  for (const line of report(result)) say(line);
  if (isBad(result) || values.keep) {
    say("");
    say(`the logs of the parts are in ${result.folder}/logs`);
  }
  if (isBad(result)) process.exitCode = 1;
});
