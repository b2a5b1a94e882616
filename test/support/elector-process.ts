/** A process that wants to lead, for tests: prints what it comes to, and says every 10 ms that it leads while it does. */
import { KubeApi } from "../../src/operator/kube/api.ts";
import { Credentials } from "../../src/operator/kube/credentials.ts";
import { Elector } from "../../src/operator/kube/elector.ts";
import { recordingLog } from "./recording-log.ts";

const [kubeconfig = "", name = "", identity = "", leaseDuration, renewDeadline, retryPeriod] =
  process.argv.slice(2);
const say = (what: string): boolean => process.stdout.write(`${what} ${Date.now()}\n`);
const elector = new Elector({
  api: new KubeApi({ credentials: await Credentials.fromFile(kubeconfig) }),
  log: recordingLog().log,
  namespace: "default",
  name,
  identity,
  leaseDuration: Number(leaseDuration),
  renewDeadline: Number(renewDeadline),
  retryPeriod: Number(retryPeriod),
  onChange: (isLeader) => say(isLeader ? "leading" : "lost"),
});
setInterval(() => {
  if (elector.isLeader()) say("acted");
}, 10);
process.once("SIGTERM", () => void elector.stop().then(() => process.exit(0)));
elector.lost.addEventListener("abort", () => {
  if ((elector.lost.reason as Error).message !== "stopped") process.exit(1);
});
elector.start();
say("started");
