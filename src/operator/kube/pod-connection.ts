import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { UsageError } from "../../platform/settings.ts";
import type { ConnectionSource } from "./credentials.ts";

/** Where a pod finds its service account. */
export const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * How a pod reaches its API server, and as whom; undefined outside of one. Files are read each time: the kubelet
 * replaces the token long before it expires.
 */
export function podConnection(
  folder = serviceAccountFolder,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ConnectionSource | undefined {
  const tokenFile = join(folder, "token");
  if (!existsSync(tokenFile)) return undefined;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) {
    throw new UsageError(
      "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must say where the API server is",
    );
  }
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return {
    getCurrentCluster: () => ({ server }),
    async applyToHTTPSOptions(options: RequestOptions): Promise<void> {
      const [ca, token] = await Promise.all([readFile(join(folder, "ca.crt")), readFile(tokenFile, "utf8")]);
      options.ca = ca;
      options.headers = { ...options.headers, Authorization: `Bearer ${token.trim()}` };
    },
  };
}
