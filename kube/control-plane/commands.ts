import { kubernetesBinary } from "../system/binaries.ts";
import type { CertificateSet } from "./certificate-set.ts";

/**
 * Sockets of etcd, in the folder where etcd and the API server run: they need no port, and let only their
 * user in. etcd wants a host and a port here too, and makes a file name of them.
 */
export const etcdSockets = { client: "etcd.sock:0", peer: "etcd-peer.sock:0" };
const etcdUrl = `unix://${etcdSockets.client}`;
const etcdPeerUrl = `unix://${etcdSockets.peer}`;

export function etcdCommand(): string[] {
  return [
    kubernetesBinary("etcd"),
    ...flags({
      name: "etcd",
      "data-dir": "etcd",
      "listen-client-urls": etcdUrl,
      "advertise-client-urls": etcdUrl,
      "listen-peer-urls": etcdPeerUrl,
      "initial-advertise-peer-urls": etcdPeerUrl,
      "initial-cluster": `etcd=${etcdPeerUrl}`,
      // There is nobody else to elect, so that waiting for others is in vain.
      "heartbeat-interval": 10,
      "election-timeout": 100,
      // Its data does not outlive the processes.
      "unsafe-no-fsync": true,
    }),
  ];
}

export type ApiServerOptions = {
  readonly address: string;
  readonly port: number;
  readonly serviceCidr: string;
  readonly certificates: CertificateSet;
  readonly args: readonly string[];
};

export function apiServerCommand(options: ApiServerOptions): string[] {
  const { address, certificates, args } = options;
  const { apiServer, kubeletClient, proxyClient, serviceAccountKeys } = certificates;
  return [
    kubernetesBinary("kube-apiserver"),
    ...flags({
      "bind-address": address,
      "advertise-address": address,
      "secure-port": options.port,
      // Endpoints must not be loopback addresses.
      ...(address.startsWith("127.") && { "endpoint-reconciler-type": "none" }),
      "etcd-servers": etcdUrl,
      "service-cluster-ip-range": options.serviceCidr,
      "client-ca-file": certificates.authority.certificateFile,
      "tls-cert-file": apiServer.certificateFile,
      "tls-private-key-file": apiServer.keyFile,
      "kubelet-client-certificate": kubeletClient.certificateFile,
      "kubelet-client-key": kubeletClient.keyFile,
      "authorization-mode": "Node,RBAC",
      "enable-admission-plugins": "NodeRestriction",
      "allow-privileged": true,
      "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
      "service-account-key-file": serviceAccountKeys.publicKeyFile,
      "service-account-signing-key-file": serviceAccountKeys.privateKeyFile,
      "requestheader-client-ca-file": certificates.proxyAuthority.certificateFile,
      "requestheader-allowed-names": "front-proxy-client",
      "requestheader-extra-headers-prefix": "X-Remote-Extra-",
      "requestheader-group-headers": "X-Remote-Group",
      "requestheader-username-headers": "X-Remote-User",
      "proxy-client-cert-file": proxyClient.certificateFile,
      "proxy-client-key-file": proxyClient.keyFile,
    }),
    ...args,
  ];
}

export type ControllerManagerOptions = {
  readonly controllers: readonly string[];
  readonly port: number;
  readonly kubeconfig: string;
  readonly serviceCidr: string;
  readonly certificates: CertificateSet;
  readonly args: readonly string[];
};

export function controllerManagerCommand(options: ControllerManagerOptions): string[] {
  const { certificates } = options;
  const { authority, serviceAccountKeys } = certificates;
  return [
    kubernetesBinary("kube-controller-manager"),
    ...flags({
      ...commonFlags(options),
      controllers: options.controllers.join(","),
      "use-service-account-credentials": true,
      // With its usual limit of 20 requests a second, it takes four seconds longer to start.
      "kube-api-qps": 1000,
      "kube-api-burst": 1000,
      // It would make a folder in /usr.
      "flex-volume-plugin-dir": "flex-volumes",
      "service-account-private-key-file": serviceAccountKeys.privateKeyFile,
      "root-ca-file": authority.certificateFile,
      "cluster-signing-cert-file": authority.certificateFile,
      "cluster-signing-key-file": authority.keyFile,
      "service-cluster-ip-range": options.serviceCidr,
    }),
    ...options.args,
  ];
}

export type SchedulerOptions = {
  readonly port: number;
  readonly kubeconfig: string;
  readonly certificates: CertificateSet;
};

export function schedulerCommand(options: SchedulerOptions): string[] {
  return [kubernetesBinary("kube-scheduler"), ...flags(commonFlags(options))];
}

/** What only answers whether it is healthy does so on the loopback address. */
function commonFlags({ port, kubeconfig, certificates }: SchedulerOptions): Flags {
  return {
    "bind-address": "127.0.0.1",
    "secure-port": port,
    "tls-cert-file": certificates.health.certificateFile,
    "tls-private-key-file": certificates.health.keyFile,
    kubeconfig,
    "leader-elect": false,
  };
}

type Flags = Readonly<Record<string, string | number | boolean>>;

function flags(values: Flags): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
