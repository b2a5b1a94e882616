import { state } from "../../kube/state.ts";
import { kubernetesBinary } from "../../kube/system/binaries.ts";
import { run } from "../../kube/system/run.ts";

/** Runs kubectl on the local Kubernetes; what it prints. Throws with what it says when it fails. */
export function kubectl(...args: string[]): Promise<string> {
  return run(kubectlCommand(...args));
}

export function kubectlCommand(...args: string[]): [program: string, ...args: string[]] {
  return [kubernetesBinary("kubectl"), `--kubeconfig=${state.kubeconfig}`, ...args];
}
