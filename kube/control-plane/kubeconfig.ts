import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { Authority, Certificate } from "./certificates.ts";

/** Writes a kubeconfig that needs no other file, so that it can be copied. */
export async function writeKubeconfig(
  file: string,
  { server, authority, client }: { server: string; authority: Authority; client: Certificate },
): Promise<void> {
  const base64 = (path: string): Promise<string> => readFile(path, "base64");
  const name = "disroom";
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: { server, "certificate-authority-data": await base64(authority.certificateFile) },
      },
    ],
    users: [
      {
        name,
        user: {
          "client-certificate-data": await base64(client.certificateFile),
          "client-key-data": await base64(client.keyFile),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  // Long lines stay whole.
  await writeFile(file, stringify(kubeconfig, { lineWidth: 0 }), { mode: 0o600 });
}
