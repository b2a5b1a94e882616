import { readFileSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll } from "vitest";
import type { ControlPlane } from "../../kube/control-plane/control-plane.ts";
import { KubeApi, type KubeApiSettings } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import { Credentials } from "../../src/operator/kube/credentials.ts";

const open = new Set<KubeApi>();

afterAll(() => {
  for (const api of open) api.close();
});

export type TestApiSettings = Partial<KubeApiSettings> & {
  /** Where to reach the API server, when not at its own port. */
  readonly port?: number;
};

/** A client of a control plane's API server who may do everything, as quickly as can be. */
export function apiOf(
  { kubeconfig, server }: Pick<ControlPlane, "kubeconfig" | "server">,
  { port, ...settings }: TestApiSettings = {},
): KubeApi {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    const text = readFileSync(kubeconfig, "utf8");
    config.loadFromString(port === undefined ? text : text.replace(server, `https://127.0.0.1:${port}`));
    return config;
  };
  const api = new KubeApi({
    credentials: new Credentials(load),
    requestsPerSecond: 10_000,
    burst: 10_000,
    ...settings,
  });
  open.add(api);
  return api;
}

export const portOf = ({ server }: Pick<ControlPlane, "server">): number => Number(new URL(server).port);

/** How a request failed. */
export async function failure(request: Promise<unknown>): Promise<KubeApiError> {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KubeApiError)) throw new Error("it did not fail as expected", { cause: error });
  return error;
}
