import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ApiextensionsV1Api,
  type ApiType,
  type Configuration,
  KubeConfig,
  loadYaml,
  type V1CustomResourceDefinition,
} from "@kubernetes/client-node";
import { afterAll } from "vitest";
import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "../../kube/control-plane/control-plane.ts";
import { eventually } from "./eventually.ts";

const running = new Set<ControlPlane>();
const folders = new Set<string>();

// Whatever a test file leaves behind, also a failed one.
afterAll(async () => {
  await Promise.all([...running].map((controlPlane) => controlPlane.stop()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

type Api<T extends ApiType> = new (configuration: Configuration) => T;

export type TestControlPlane = ControlPlane & {
  readonly folder: string;
  /** A client of the API server who may do everything: `client(CoreV1Api)`. */
  client<T extends ApiType>(api: Api<T>): T;
};

/** Starts a Kubernetes control plane, which is stopped after the last test of the file. */
export async function runControlPlane(options: Partial<ControlPlaneOptions> = {}): Promise<TestControlPlane> {
  const folder = newFolder();
  const controlPlane = await startControlPlane({ folder, logs: join(folder, "logs"), ...options });
  running.add(controlPlane);
  return {
    ...controlPlane,
    get processes() {
      return controlPlane.processes;
    },
    folder,
    client: (api) => clientOf(controlPlane.kubeconfig, api),
  };
}

function clientOf<T extends ApiType>(kubeconfig: string, api: Api<T>): T {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config.makeApiClient(api);
}

/** Defines the kind ChatCluster; done when the API server serves it. */
export async function defineChatClusters(kubeconfig: string): Promise<void> {
  const api = clientOf(kubeconfig, ApiextensionsV1Api);
  const yaml = readFileSync("crds/chatclusters.disroom.io.yaml", "utf8");
  await api.createCustomResourceDefinition({ body: loadYaml<V1CustomResourceDefinition>(yaml) });
  await eventually(async () => {
    const { status } = await api.readCustomResourceDefinition({ name: "chatclusters.disroom.io" });
    return status?.conditions?.some((one) => one.type === "Established" && one.status === "True") ?? false;
  });
}

/** A folder that is removed after the last test of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "disroom-kube-"));
  folders.add(folder);
  return folder;
}

/** Ids of the processes that run in this folder: those of a control plane run in its own. */
export async function processesIn(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => "")));
  return pids.filter((_, index) => places[index] === folder);
}
