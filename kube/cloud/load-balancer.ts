import type { CoreV1Api, V1Service } from "@kubernetes/client-node";
import { loadBalancers } from "../addresses.ts";
import { run } from "../system/run.ts";
import { forEach } from "./each.ts";

/**
 * Does what a cloud does for Services of type LoadBalancer: each gets an address of its own, and connections to it are
 * spread over the nodes whose health check says that they take them. It looks at all Services anew each time, so that
 * there is nothing that it could miss.
 */
export class LoadBalancer {
  readonly #api: CoreV1Api;
  readonly #nodes: readonly string[];
  /** For each address, the nodes that its route leads to. */
  readonly #routes = new Map<string, string>();

  /** `nodes`: their addresses. */
  constructor(api: CoreV1Api, nodes: readonly string[]) {
    this.#api = api;
    this.#nodes = nodes;
  }

  /** One round: gives addresses to Services that have none, and leads each address to the nodes that are healthy. */
  async update(): Promise<void> {
    const { items } = await this.#api.listServiceForAllNamespaces();
    const services = items.filter((service) => service.spec?.type === "LoadBalancer");
    const taken = new Set(services.flatMap((service) => addressOf(service) ?? []));
    await forEach(services, async (service) => {
      const address = addressOf(service) ?? freeAddress(service.spec?.loadBalancerIP, taken);
      if (address === undefined) return;
      taken.add(address);
      await this.#route(address, await this.#healthy(service));
      if (addressOf(service) === undefined) await this.#assign(service, address);
    });
    const left = [...this.#routes.keys()].filter((address) => !taken.has(address));
    await forEach(left, (address) => this.#route(address, []));
  }

  async #assign(service: V1Service, address: string): Promise<void> {
    service.status = { loadBalancer: { ingress: [{ ip: address, ipMode: "VIP" }] } };
    const { name = "", namespace = "" } = service.metadata ?? {};
    await this.#api.replaceNamespacedServiceStatus({ name, namespace, body: service });
  }

  /** The nodes that take connections for this Service: all that run kube-proxy, or those with a pod of it. */
  async #healthy(service: V1Service): Promise<string[]> {
    const port = service.spec?.healthCheckNodePort || kubeProxyHealthPort;
    const health = await Promise.all(this.#nodes.map((node) => isHealthy(`http://${node}:${port}/healthz`)));
    return this.#nodes.filter((_, index) => health[index]);
  }

  async #route(address: string, nodes: readonly string[]): Promise<void> {
    const hops = nodes.flatMap((node) => ["nexthop", "via", node]).join(" ");
    if ((this.#routes.get(address) ?? "") === hops) return;
    if (hops === "") {
      await run(["ip", "route", "delete", `${address}/32`]).catch(() => {});
      this.#routes.delete(address);
    } else {
      await run(["ip", "route", "replace", `${address}/32`, ...hops.split(" ")]);
      this.#routes.set(address, hops);
    }
  }
}

const kubeProxyHealthPort = 10256;

function addressOf(service: V1Service): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

/** The address that the Service asks for if it is free, else the first free one; none while there is none. */
function freeAddress(wanted: string | undefined, taken: ReadonlySet<string>): string | undefined {
  return loadBalancers.all.find((address) => !taken.has(address) && (!wanted || address === wanted));
}

function isHealthy(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.ok;
    },
    () => false,
  );
}
