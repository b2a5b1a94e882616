import { afterAll, beforeAll } from "vitest";
import { findRunning, state } from "../../kube/state.ts";
import { up } from "../../kube/up.ts";
import { kubectl } from "./kubectl.ts";

/** In a namespace of the local Kubernetes. */
export type Namespace = {
  kubectl(...args: string[]): Promise<string>;
  /** A field of an object, as `get(["pod", "nats-0"], "{.status.podIP}")`. */
  get(object: readonly string[], path: string): Promise<string>;
  /** Done when all pods of these Deployments and StatefulSets are ready. */
  rolledOut(...names: string[]): Promise<void>;
};

/** Applies a manifest that makes a namespace, and deletes the namespace after the last test of the file. */
export function applyNamespace(name: string, manifest: string): Namespace {
  const inside = (...args: string[]): Promise<string> => kubectl(`--namespace=${name}`, ...args);
  const remove = () => kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=120s");
  beforeAll(async () => {
    await ensureKubernetes();
    // What a run that was killed has left.
    await remove();
    await kubectl("apply", `--filename=${manifest}`);
  });
  afterAll(remove);
  return {
    kubectl: inside,
    get: (object, path) => inside("get", ...object, `--output=jsonpath=${path}`),
    async rolledOut(...names) {
      for (const each of names) await inside("rollout", "status", each, "--timeout=120s");
    },
  };
}

/** Starts the local Kubernetes if it does not run. It goes on for other test files, until hack/e2e.sh stops it. */
export async function ensureKubernetes(): Promise<void> {
  const running = await findRunning();
  if (running?.folder === state.folder) return;
  await up(3, () => {}, new AbortController().signal);
}
