import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { toolsFolder } from "../../src/local/binaries.ts";

export type KubernetesProgram =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-proxy"
  | "kube-scheduler"
  | "kubectl"
  | "kubelet";

/**
 * The path of one of Kubernetes' programs: from the folder KUBEBUILDER_ASSETS where that has it, else from
 * where `hack/setup.sh test` puts it.
 */
export function kubernetesBinary(name: KubernetesProgram): string {
  const folders = [process.env.KUBEBUILDER_ASSETS, join(toolsFolder(process.env), "..", "kubernetes")];
  const file = folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find(isProgram);
  if (file === undefined) throw new Error(`${name} is missing; \`hack/setup.sh test\` builds it`);
  return file;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
