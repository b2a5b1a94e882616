import { isIPv4 } from "node:net";
import { join } from "node:path";
import {
  type Authority,
  type Certificate,
  createAuthority,
  createServiceAccountKeys,
  type ServiceAccountKeys,
} from "./certificates.ts";

/** All certificates and keys of a control plane. */
export type CertificateSet = {
  readonly authority: Authority;
  readonly apiServer: Certificate;
  /** Of controller manager and scheduler, which only tell how they are. */
  readonly health: Certificate;
  readonly admin: Certificate;
  readonly controllerManager: Certificate;
  readonly scheduler: Certificate;
  /** With which the API server reaches kubelets. */
  readonly kubeletClient: Certificate;
  /** Of the aggregation layer: with it, the API server speaks for its users to the API servers behind it. */
  readonly proxyAuthority: Authority;
  readonly proxyClient: Certificate;
  readonly serviceAccountKeys: ServiceAccountKeys;
};

export async function createCertificateSet(
  folder: string,
  { apiServerHosts, serviceCidr }: { apiServerHosts: readonly string[]; serviceCidr: string },
): Promise<CertificateSet> {
  // Two authorities, so that no client of the one is taken for the API server by those behind it.
  const [authority, proxyAuthority] = await Promise.all([
    createAuthority(folder),
    createAuthority(join(folder, "front-proxy")),
  ]);
  const service = "kubernetes.default.svc.cluster.local";
  const client = (name: string, commonName: string, organization?: string): Promise<Certificate> =>
    authority.issue({ name, commonName, ...(organization !== undefined && { organization }) });
  const [apiServer, health, admin, controllerManager, scheduler, kubeletClient, proxyClient, keys] =
    await Promise.all([
      authority.issue({
        name: "apiserver",
        commonName: "kube-apiserver",
        hosts: [
          ...new Set([
            ...apiServerHosts,
            ...["localhost", "127.0.0.1", firstAddress(serviceCidr)],
            ...["kubernetes", "kubernetes.default", "kubernetes.default.svc", service],
          ]),
        ],
      }),
      authority.issue({ name: "health", commonName: "health", hosts: ["127.0.0.1"] }),
      client("admin", "disroom-admin", "system:masters"),
      client("controller-manager", "system:kube-controller-manager"),
      client("scheduler", "system:kube-scheduler"),
      client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
      proxyAuthority.issue({ name: "client", commonName: "front-proxy-client" }),
      createServiceAccountKeys(folder),
    ]);
  return {
    authority,
    apiServer,
    health,
    admin,
    controllerManager,
    scheduler,
    kubeletClient,
    proxyAuthority,
    proxyClient,
    serviceAccountKeys: keys,
  };
}

/** The address of the service `kubernetes`: the first of the range after that of the network itself. */
export function firstAddress(cidr: string): string {
  const [network = "", length] = cidr.split("/");
  if (!isIPv4(network) || length === undefined) throw new Error(`${cidr} is not a range of IPv4 addresses`);
  const number = network.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length));
  const first = number - (number % size) + 1;
  return [24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join(".");
}
