/** A process that runs a control plane in the folder of its argument, to be killed by a test. */
import { join } from "node:path";
import { startControlPlane } from "../../kube/control-plane/control-plane.ts";

const folder = process.argv[2] as string;
await startControlPlane({ folder, logs: join(folder, "logs"), scheduler: true });
process.stdout.write("ready\n");
