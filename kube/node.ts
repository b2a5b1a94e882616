import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lan, pods } from "./addresses.ts";
import { kubernetesBinary } from "./binaries.ts";
import type { Authority } from "./certificates.ts";
import { createCgroup } from "./cgroups.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { firstProcessOf, inNamespacesOf, inNetworkOf, inNewNamespaces } from "./namespaces.ts";
import { cniConfig, containerdConfig, kubeletConfig, kubeProxyConfig, registryHosts } from "./node-config.ts";
import { type RunningProcess, startProcess } from "./processes.ts";
import { run } from "./run.ts";

export type NodePlan = {
  readonly name: string;
  /** Its place among the nodes, from 0: its addresses follow from it. */
  readonly index: number;
  /** How many nodes there are. */
  readonly count: number;
  /** Of its own: its disk and what configures it. */
  readonly folder: string;
  readonly logs: string;
  /** URL of the API server. */
  readonly server: string;
  readonly authority: Authority;
};

/**
 * A node: containerd, the kubelet and kube-proxy in namespaces of their own, with a network interface of its own on
 * the local area network. What it writes to /var/lib is its disk: it outlasts a power-off, as a disk would.
 */
export class KubernetesNode {
  readonly name: string;
  readonly address: string;
  /** Where its `/var/lib` is for the machine. */
  readonly disk: string;
  readonly #plan: NodePlan;
  #power: { readonly namespaces: RunningProcess; readonly firstProcess: number } | undefined;

  constructor(plan: NodePlan) {
    this.name = plan.name;
    this.address = lan.node(plan.index);
    this.disk = join(plan.folder, "disk");
    this.#plan = plan;
  }

  get isOn(): boolean {
    return this.#power !== undefined;
  }

  /** Starts it. It is ready when the API server says so. */
  async powerOn(): Promise<void> {
    if (this.#power !== undefined) return;
    await this.#configure();
    await this.#openNamespaces();
    await this.#connect();
    this.#startPrograms();
  }

  /** All its processes are killed at once, and its network interface is gone. Its disk stays. */
  async powerOff(): Promise<void> {
    const power = this.#power;
    this.#power = undefined;
    if (power === undefined) return;
    await power.namespaces.stop("SIGKILL");
    // Killed processes are gone when the first process in the namespaces is.
    while (await exists(`/proc/${power.firstProcess}`)) await delay(10);
  }

  async #configure(): Promise<void> {
    const { authority, folder, index, name, server } = this.#plan;
    for (const part of ["disk", "cni", "registries/_default"])
      await mkdir(join(folder, part), { recursive: true });
    await mkdir(this.#plan.logs, { recursive: true });
    const kubelet = await authority.issue({
      name: `kubelet-${name}`,
      commonName: `system:node:${name}`,
      organization: "system:nodes",
    });
    const proxy = await authority.issue({ name: `kube-proxy-${name}`, commonName: "system:kube-proxy" });
    const proxyKubeconfig = join(folder, "kube-proxy.kubeconfig");
    await writeKubeconfig(join(folder, "kubelet.kubeconfig"), { server, authority, client: kubelet });
    await writeKubeconfig(proxyKubeconfig, { server, authority, client: proxy });
    const files: Record<string, string> = {
      "containerd.toml": containerdConfig(folder),
      "registries/_default/hosts.toml": registryHosts(),
      "cni/pods.conflist": cniConfig(index),
      "kubelet.json": kubeletConfig(name, authority.certificateFile),
      "kube-proxy.json": kubeProxyConfig(name, proxyKubeconfig),
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    await createCgroup(name);
  }

  async #openNamespaces(): Promise<void> {
    const { name, logs } = this.#plan;
    // The node's own disk, logs and /run hide the machine's. Mounts of volumes are seen by the pods that use them.
    const script = `set -e
      hostname "$1"
      mount --make-rshared /
      mount --bind "$2" /var/lib
      mount --bind "$3" /var/log
      mount -t tmpfs tmpfs /run
      # Names outside the cluster are not to be had, and are not to be waited for.
      mkdir -p /run/node
      touch /run/node/resolv.conf
      mount --bind /run/node/resolv.conf /etc/resolv.conf
      touch /run/node/mounted
      exec catatonit -P`;
    const namespaces = startProcess({
      name,
      command: inNewNamespaces(["sh", "-c", script, "sh", name, this.disk, logs]),
      logFile: join(logs, "node.log"),
    });
    const firstProcess = await firstProcessOf(namespaces.pid);
    this.#power = { namespaces, firstProcess };
    await this.#untilMounted(firstProcess);
  }

  async #untilMounted(firstProcess: number): Promise<void> {
    const mounted = `/proc/${firstProcess}/root/run/node/mounted`;
    for (let tries = 0; tries < 1000; tries++) {
      if (await exists(mounted)) return;
      await delay(10);
    }
    throw new Error(`${this.name}: its mounts were not made; see ${join(this.#plan.logs, "node.log")}`);
  }

  /** Its interface eth0, and the way to the pods of all nodes. */
  async #connect(): Promise<void> {
    const { name, index, count } = this.#plan;
    const { firstProcess } = this.#on();
    await run([
      "ip",
      "link",
      "add",
      name,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      `${firstProcess}`,
    ]);
    await run(["ip", "link", "set", name, "master", "lan", "up"]);
    const inside = async (...command: string[]) => {
      await run(inNetworkOf(firstProcess, command));
    };
    await inside("ip", "link", "set", "lo", "up");
    await inside("ip", "address", "add", `${this.address}/${lan.prefixLength}`, "dev", "eth0");
    await inside("ip", "link", "set", "eth0", "up");
    await inside("ip", "route", "add", "default", "via", lan.machine);
    await inside("sysctl", "-qw", "net.ipv4.ip_forward=1");
    for (let other = 0; other < count; other++) {
      if (other === index) continue;
      await inside("ip", "route", "add", pods.ofNode(other), "via", lan.node(other));
    }
    await run(["ip", "route", "replace", pods.ofNode(index), "via", this.address]);
  }

  #startPrograms(): void {
    const { name, folder } = this.#plan;
    void this.#keepRunning("containerd", ["containerd", "--config", join(folder, "containerd.toml")]);
    void this.#keepRunning("kubelet", [
      kubernetesBinary("kubelet"),
      `--config=${join(folder, "kubelet.json")}`,
      `--kubeconfig=${join(folder, "kubelet.kubeconfig")}`,
      `--hostname-override=${name}`,
      `--node-ip=${this.address}`,
      "--root-dir=/var/lib/kubelet",
      "--cert-dir=/var/lib/kubelet/pki",
    ]);
    void this.#keepRunning("kube-proxy", [
      kubernetesBinary("kube-proxy"),
      `--config=${join(folder, "kube-proxy.json")}`,
    ]);
  }

  /** As systemd would: a program that ends is started again while the node is on. */
  async #keepRunning(program: string, command: readonly string[]): Promise<void> {
    const power = this.#on();
    const { name, logs } = this.#plan;
    while (this.#power === power) {
      const running = startProcess({
        name: `${name}/${program}`,
        command: inNamespacesOf(power.firstProcess, command),
        logFile: join(logs, `${program}.log`),
      });
      await running.exited;
      await delay(1000);
    }
  }

  #on() {
    if (this.#power === undefined) throw new Error(`${this.name} is off`);
    return this.#power;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
