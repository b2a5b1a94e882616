import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RunningProcess } from "../system/processes.ts";
import { createCertificateSet } from "./certificate-set.ts";
import type { Authority, Certificate } from "./certificates.ts";
import {
  apiServerCommand,
  controllerManagerCommand,
  etcdCommand,
  etcdSockets,
  schedulerCommand,
} from "./commands.ts";
import { Components } from "./components.ts";
import { askAs } from "./https.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

export type ControlPlaneOptions = {
  /** Where its data, certificates and kubeconfigs go. */
  readonly folder: string;
  /** Where its logs go. */
  readonly logs: string;
  /** Where the API server listens. */
  readonly address?: string;
  /** Of the API server; without it, a free one. */
  readonly port?: number;
  readonly serviceCidr?: string;
  /** More names and addresses for the API server's certificate. */
  readonly apiServerHosts?: readonly string[];
  /** Whether to run the scheduler. */
  readonly scheduler?: boolean;
  /** Which controllers run, as kube-controller-manager is told; all that run by default. */
  readonly controllers?: readonly string[];
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
  /**
   * Done before the controllers start, with the kubeconfig. The kinds that are defined here are known to the
   * garbage collector at once; those that come later, after half a minute.
   */
  readonly beforeControllers?: (kubeconfig: string) => Promise<void>;
};

export type ControlPlane = {
  /** URL of the API server. */
  readonly server: string;
  readonly authority: Authority;
  /** File of a user who may do everything (group system:masters). */
  readonly kubeconfig: string;
  /** What runs now, in the order in which it was started. */
  readonly processes: readonly RunningProcess[];
  /** `kill -9`; done when it is gone. */
  killApiServer(): Promise<void>;
  /** Stops the API server if it runs and starts it on the same port; done when it is ready. */
  restartApiServer(): Promise<void>;
  /** From now on, what ends is started again. */
  keepRunning(): void;
  /** Done when all its processes are gone. Its files stay. */
  stop(): Promise<void>;
};

/**
 * Starts a Kubernetes control plane of real processes, without nodes; done when the API server and the
 * controllers work. If any of it does not come up, what runs is stopped, and the error ends in the last lines
 * of that one's log.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { address = "127.0.0.1", serviceCidr = "10.96.0.0/16" } = options;
  // Programs run in the folder and are given absolute paths.
  const folder = resolve(options.folder);
  const logs = resolve(options.logs);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(logs, { recursive: true });

  const certificates = await createCertificateSet(join(folder, "certificates"), {
    apiServerHosts: [address, ...(options.apiServerHosts ?? [])],
    serviceCidr,
  });
  const ask = await askAs(certificates.admin, certificates.authority);
  const isHealthy = async (url: string): Promise<boolean> => (await ask(url)) === 200;
  const kubeconfig = async (name: string, server: string, client: Certificate): Promise<string> => {
    const file = join(folder, `${name}.kubeconfig`);
    await writeKubeconfig(file, { server, authority: certificates.authority, client });
    return file;
  };
  const etcdSocket = join(folder, etcdSockets.client);
  const components = new Components(folder, logs);
  const startApiServer = (fixedPort: number | undefined): Promise<number> =>
    components.start({
      name: "kube-apiserver",
      port: fixedPort,
      command: (port) =>
        apiServerCommand({ address, port, serviceCidr, certificates, args: options.apiServerArgs ?? [] }),
      isReady: (port) => isHealthy(`https://${address}:${port}/readyz`),
    });
  const startControllerManager = async (server: string): Promise<void> => {
    const file = await kubeconfig("controller-manager", server, certificates.controllerManager);
    await components.start({
      name: "kube-controller-manager",
      command: (port) =>
        controllerManagerCommand({
          port,
          kubeconfig: file,
          serviceCidr,
          certificates,
          controllers: options.controllers ?? ["*"],
          args: options.controllerManagerArgs ?? [],
        }),
      isReady: async (port) =>
        (await isHealthy(`https://127.0.0.1:${port}/healthz`)) &&
        (await isHealthy(`${server}/api/v1/namespaces/default/serviceaccounts/default`)),
    });
  };
  const startScheduler = async (server: string): Promise<void> => {
    const file = await kubeconfig("scheduler", server, certificates.scheduler);
    await components.start({
      name: "kube-scheduler",
      command: (port) => schedulerCommand({ port, kubeconfig: file, certificates }),
      isReady: (port) => isHealthy(`https://127.0.0.1:${port}/readyz`),
    });
  };

  try {
    // One that was left behind does not show that anyone listens.
    await rm(etcdSocket, { force: true });
    await components.start({
      name: "etcd",
      port: 0,
      command: () => etcdCommand(),
      isReady: () => existsSync(etcdSocket),
    });
    const port = await startApiServer(options.port);
    const server = `https://${address}:${port}`;
    const adminFile = await kubeconfig("admin", server, certificates.admin);
    await options.beforeControllers?.(adminFile);
    await Promise.all([
      startControllerManager(server),
      ...(options.scheduler === true ? [startScheduler(server)] : []),
    ]);
    return {
      server,
      authority: certificates.authority,
      kubeconfig: adminFile,
      get processes() {
        return components.processes;
      },
      killApiServer: () => components.stop("kube-apiserver", "SIGKILL"),
      async restartApiServer() {
        await components.stop("kube-apiserver");
        await startApiServer(port);
      },
      keepRunning: () => components.keepRunning(),
      stop: () => components.stopAll(),
    };
  } catch (error) {
    await components.killAll();
    throw error;
  }
}
