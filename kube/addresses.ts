/**
 * Where everything of the local Kubernetes is. All of it lies in 198.18.0.0/15, which RFC 2544 set aside for tests of
 * networks: homes, offices and clouds use others.
 */

/** The local area network that the nodes share with the hub. */
export const lan = {
  cidr: "198.18.0.0/24",
  prefixLength: 24,
  /** The control plane, the image registry and the router to all the rest. */
  hub: "198.18.0.1",
  hubLinkAddress: "02:00:c6:12:00:01",
  node: (index: number) => `198.18.0.${11 + index}`,
} as const;

/** Addresses of Services of type LoadBalancer. */
export const loadBalancers = {
  cidr: "198.18.1.0/24",
  all: Array.from({ length: 254 }, (_, index) => `198.18.1.${index + 1}`),
} as const;

/** Between the hub and whoever uses the cluster from outside: kubectl, nc, a browser. */
export const uplink = { prefixLength: 30, hub: "198.18.2.1", user: "198.18.2.2" } as const;

/** The network interface of this machine that leads into the local Kubernetes. */
export const userLink = "disroom-kube";

export const pods = {
  cidr: "198.18.64.0/18",
  ofNode: (index: number) => `198.18.${64 + index}.0/24`,
} as const;

export const services = {
  cidr: "198.19.0.0/16",
  dns: "198.19.0.10",
} as const;

export const ports = { apiServer: 6443, registry: 5000 } as const;
