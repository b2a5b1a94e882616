import { kubernetesBinary } from "./binaries.ts";
import { run } from "./run.ts";

/** Runs kubectl as whom a kubeconfig says; what it prints. Throws with what it says when it fails. */
export function kubectlAs(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  return run(kubectlCommand(kubeconfig, ...args));
}

export function kubectlCommand(
  kubeconfig: string,
  ...args: readonly string[]
): [program: string, ...args: string[]] {
  return [kubernetesBinary("kubectl"), `--kubeconfig=${kubeconfig}`, ...args];
}
