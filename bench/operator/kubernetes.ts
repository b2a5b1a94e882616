import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ControlPlane, startControlPlane } from "../../kube/control-plane/control-plane.ts";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import { removeFolder, tempFolder } from "../targets/temp-folder.ts";
import { Audit, auditPolicy } from "./audit.ts";

/** Where deploy/operator.yaml puts the operator. */
export const operatorNamespace = "disroom-system";

/** Controllers whose work the operator never sees. They would take from it what they use of the machine. */
const unseenControllers = [
  "endpoints-controller",
  "endpointslice-controller",
  "endpointslice-mirroring-controller",
  "persistentvolume-binder-controller",
];

export type Kubernetes = {
  /** A user who may do everything. */
  readonly adminKubeconfig: string;
  /** URL of the API server. */
  readonly server: string;
  /** What the operator's pod would find of its service account, which has the rights of deploy/operator.yaml. */
  readonly serviceAccountFolder: string;
  /** For logs of what runs here. */
  readonly folder: string;
  readonly processes: ControlPlane["processes"];
  readonly audit: Audit;
  stop(): Promise<void>;
};

/**
 * A real control plane without nodes, where ChatClusters are defined and the operator has its rights. Its controllers
 * make pods, which nobody schedules.
 */
export async function startKubernetes(): Promise<Kubernetes> {
  const folder = tempFolder();
  const policy = join(folder, "audit-policy.json");
  const auditLog = join(folder, "audit.log");
  await writeFile(
    policy,
    JSON.stringify(auditPolicy(`system:serviceaccount:${operatorNamespace}:disroom-operator`)),
  );
  const controlPlane = await startControlPlane({
    folder,
    logs: join(folder, "logs"),
    apiServerArgs: [
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${auditLog}`,
      // In MiB: it is read as one file.
      "--audit-log-maxsize=10000",
    ],
    controllers: ["*", ...unseenControllers.map((name) => `-${name}`)],
    beforeControllers: defineChatClusters,
  });
  const { kubeconfig: adminKubeconfig, server, authority, processes } = controlPlane;
  const kubectl = (...args: readonly string[]): Promise<string> => kubectlAs(adminKubeconfig, ...args);
  const stop = async (): Promise<void> => {
    await controlPlane.stop();
    removeFolder(folder);
  };
  try {
    await kubectl("apply", "--server-side", "--filename=deploy/operator.yaml");
    // Its processes are run by whoever measures.
    const operator = [`--namespace=${operatorNamespace}`, "deployment/disroom-operator"];
    await kubectl("scale", "--replicas=0", ...operator);
    const token = await kubectl(
      `--namespace=${operatorNamespace}`,
      ...["create", "token", "disroom-operator", "--duration=24h"],
    );
    const serviceAccountFolder = join(folder, "service-account");
    await mkdir(serviceAccountFolder);
    await writeFile(join(serviceAccountFolder, "token"), token, { mode: 0o600 });
    await writeFile(join(serviceAccountFolder, "namespace"), operatorNamespace);
    await copyFile(authority.certificateFile, join(serviceAccountFolder, "ca.crt"));
    const audit = new Audit(auditLog);
    return { adminKubeconfig, server, serviceAccountFolder, folder, processes, audit, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Done when the API server serves them. */
async function defineChatClusters(kubeconfig: string): Promise<void> {
  await kubectlAs(kubeconfig, "apply", "--server-side", "--filename=crds");
  const isServed = (): Promise<boolean> =>
    kubectlAs(kubeconfig, "get", "chatclusters").then(
      () => true,
      () => false,
    );
  for (let tries = 1; !(await isServed()); tries++) {
    if (tries === 300) throw new Error("the API server does not serve ChatClusters");
    await delay(100);
  }
}
