import { parseArgs } from "node:util";
import { roleCommandOption, say, stopOnSignal, unlessBrokenOff, wholeNumber } from "../chaos/command-line.ts";
import { type PowerFailureOptions, runPowerFailure } from "./power-failure.ts";
import { heading, report } from "./report.ts";

/** `make power-failure`: power failures of NATS from the command line. */

const usage = `Takes the power off NATS nodes and their disks while members chat, gives it back, and counts the accepted
messages that are gone. It mounts disks, so only root may do that.

  --nats N          how many nodes: 1 or 3 (by default both, one after the other)
  --failing N       how many of them lose their power at once (all)
  --sync, --no-sync whether JetStream waits for the disk (by default both, one after the other)
  --seconds N       how long members chat before the power fails (3)
  --rounds N        how often each (1)
  --role-command C  the command that runs a server or a worker, to which the role is added
  --keep            keep the logs of the parts although all went well
`;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    nats: { type: "string" },
    failing: { type: "string" },
    sync: { type: "boolean" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "1" },
    "role-command": { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit();
}
const signal = stopOnSignal();
const common = {
  milliseconds: 1000 * wholeNumber("seconds", values.seconds, 1),
  ...(values.failing !== undefined && { failing: wholeNumber("failing", values.failing, 1) }),
  ...roleCommandOption(values["role-command"]),
  keep: values.keep,
  signal,
};

await unlessBrokenOff(signal, async () => {
  say(heading);
  const nodes = values.nats === undefined ? [1, 3] : [wholeNumber("nats", values.nats, 1)];
  const syncs = values.sync === undefined ? [true, false] : [values.sync];
  for (const nats of nodes) for (const sync of syncs) await rounds({ ...common, nats, sync });
});

/** With fsync nothing may be wrong; without it, what is wrong is what this command is there to show. */
async function rounds(options: PowerFailureOptions): Promise<void> {
  for (let round = wholeNumber("rounds", values.rounds, 1); round > 0; round--) {
    const result = await runPowerFailure(options);
    if (result === undefined) throw new Error("the disks cannot be mounted: only root may, on Linux");
    for (const line of report(options, result)) say(line);
    const { lost, violations, troubles } = result;
    if (options.sync && (lost !== 0 || violations.length + troubles.length > 0)) process.exitCode = 1;
  }
}
