import type { KubeObject } from "../kube/objects.ts";

type Service = {
  readonly spec?: {
    type?: string;
    clusterIP?: string;
    ports?: readonly { port: number; nodePort?: number }[];
  };
  readonly status?: { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } };
};

/**
 * Where people connect, as `address:port`: of the load balancer, else within the Kubernetes cluster. Undefined while
 * there is no address yet.
 */
export function endpointOf(service: KubeObject | undefined): string | undefined {
  if (service === undefined) return undefined;
  const { spec = {}, status = {} } = service as Service;
  const port = spec.ports?.[0]?.port;
  if (spec.type !== "LoadBalancer") {
    return `${service.metadata.name}.${service.metadata.namespace}.svc:${port}`;
  }
  const ingress = status.loadBalancer?.ingress?.[0];
  const address = ingress?.hostname ?? ingress?.ip;
  if (address === undefined) return undefined;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
