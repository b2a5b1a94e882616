import { afterAll, beforeAll } from "vitest";
import { kubectl } from "./kubectl.ts";
import { ensureKubernetes } from "./namespace.ts";

/** Installs the operator as it is now on the local Kubernetes, for all tests of a file, and removes it afterwards. */
export function installOperator(): void {
  beforeAll(async () => {
    await ensureKubernetes();
    await kubectl("apply", "--server-side", "--filename=crds", "--filename=deploy");
    const operator = ["--namespace=disroom-system", "rollout"] as const;
    // The image is built anew under the same name.
    await kubectl(...operator, "restart", "deployment/disroom-operator");
    await kubectl(...operator, "status", "deployment/disroom-operator", "--timeout=120s");
  });
  // What belongs to ChatClusters goes without it, too.
  afterAll(() => kubectl("delete", "--filename=deploy", "--ignore-not-found", "--timeout=120s"));
}
