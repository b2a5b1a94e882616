import { lan, pods, ports, services } from "../addresses.ts";
import { cgroupOfNode } from "./cgroups.ts";

/** Files that the programs of a node read. Paths in them are the node's own. */

const containerdSocket = "/run/containerd/containerd.sock";

/** Of containerd. Images come from the hub's registry, under whatever name. */
export function containerdConfig(folder: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  # Where this machine does not let root lower the score (CAP_SYS_RESOURCE), containers would not start.
  restrict_oom_score_adj = true
  # Its profile would be loaded into the machine's kernel, and stay.
  disable_apparmor = true

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}/cni"

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${folder}/registries"
`;
}

/** In folder/registries/_default: where containerd asks for an image, whatever registry its name says. */
export function registryHosts(): string {
  const registry = `http://${lan.hub}:${ports.registry}`;
  // Without a server named here, containerd would go on to the image's own registry, which it cannot reach.
  return `server = "${registry}"

[host."${registry}"]
  capabilities = ["pull", "resolve"]
`;
}

/** In folder/cni: a bridge for the pods of this node. Other nodes' pods are reached by routes. */
export function cniConfig(index: number): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "pods",
        isDefaultGateway: true,
        // A pod that reaches itself through its Service.
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: "/run/cni/networks",
          ranges: [[{ subnet: pods.ofNode(index) }]],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

export function kubeletConfig(node: string, authorityFile: string): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authorityFile },
    },
    authorization: { mode: "Webhook" },
    clusterDNS: [services.dns],
    clusterDomain: "cluster.local",
    // The machine's own names and search domains are none of the pods' business.
    resolvConf: "",
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroupOfNode(node),
    failSwapOn: false,
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    // The nodes share the disk of this machine: how full it is says nothing about them.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
    imageGCHighThresholdPercent: 100,
    shutdownGracePeriod: "0s",
    // All images are near: pulling several at once is quicker.
    serializeImagePulls: false,
  });
}

export function kubeProxyConfig(node: string, kubeconfig: string): string {
  return JSON.stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig },
    hostnameOverride: node,
    mode: "iptables",
    clusterCIDR: pods.cidr,
    // Limits of the kernel's connection tracking hold for the whole machine and can't be set from here.
    conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: "0s", tcpEstablishedTimeout: "0s" },
    healthzBindAddress: "0.0.0.0:10256",
    metricsBindAddress: "127.0.0.1:10249",
  });
}
