import { down } from "../../kube/down.ts";
import { findRunning } from "../../kube/state.ts";

/** Stops the local Kubernetes when all tests are over, if none ran before them. */
export default async function stopKubernetes(): Promise<(() => Promise<void>) | undefined> {
  return (await findRunning()) === undefined ? down : undefined;
}
