import { execFile } from "node:child_process";
import { delimiter } from "node:path";
import { promisify } from "node:util";
import { toolsFolder } from "../../src/local/binaries.ts";

export const operatorChart = "charts/disroom-operator";
export const clusterChart = "charts/disroom-cluster";

/**
 * Runs helm, the machine's or that of `hack/setup.sh charts`; what it prints.
 * @throws Error with what it says when it fails
 */
export function helm(...args: readonly string[]): Promise<string> {
  return helmAs(undefined, ...args);
}

/** The same as whom a kubeconfig says. */
export async function helmAs(kubeconfig: string | undefined, ...args: readonly string[]): Promise<string> {
  const env = environment(kubeconfig);
  const { stdout } = await promisify(execFile)("helm", args, { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** In which helm and kubectl are found, and find the API server. */
export function environment(kubeconfig: string | undefined): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${process.env.PATH}${delimiter}${toolsFolder(process.env)}`,
    ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }),
  };
}

/** As `helm template` is told to think of the API server: without this, each version of Helm has one of its own. */
export const kubeVersion = "--kube-version=1.34.0";

/** The commands that an installation tells one to type next. */
export function commandsOf(notes: string): string[] {
  return notes.split("\n").flatMap((line) => (line.startsWith("  ") ? [line.trim()] : []));
}
