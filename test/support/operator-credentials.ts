import { KubeConfig } from "@kubernetes/client-node";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import { Credentials } from "../../src/operator/kube/credentials.ts";

/** What the operator is allowed to do where it is installed, and no more. Installs its manifests. */
export async function asOperator(kubeconfig: string): Promise<Credentials> {
  const kubectl = (...args: string[]): Promise<string> => kubectlAs(kubeconfig, ...args);
  await kubectl("apply", "--server-side", "--filename=deploy/operator.yaml");
  const token = await kubectl("--namespace=disroom-system", "create", "token", "disroom-operator");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  config.users = config.users.map(({ name }) => ({ name, token: token.trim() }));
  return new Credentials(() => config);
}
