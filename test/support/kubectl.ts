import { state } from "../../kube/state.ts";
import { kubectlAs } from "../../kube/system/kubectl.ts";

/** Runs kubectl on the local Kubernetes. */
export function kubectl(...args: string[]): Promise<string> {
  return kubectlAs(state.kubeconfig, ...args);
}
