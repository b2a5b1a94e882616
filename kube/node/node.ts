import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lan, pods } from "../addresses.ts";
import type { Authority } from "../control-plane/certificates.ts";
import { writeKubeconfig } from "../control-plane/kubeconfig.ts";
import { kubernetesBinary } from "../system/binaries.ts";
import { exists } from "../system/files.ts";
import { firstProcessOf, inNamespacesOf, inNetworkOf, inNewNamespaces } from "../system/namespaces.ts";
import { lastLines, type RunningProcess, startProcess } from "../system/processes.ts";
import { run } from "../system/run.ts";
import { createCgroup } from "./cgroups.ts";
import { cniConfig, containerdConfig, kubeletConfig, kubeProxyConfig, registryHosts } from "./config.ts";

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

/** A node has these of its own. What it runs lies elsewhere. */
export const hiddenFolders = ["/var/lib", "/var/log", "/run"];

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
  /** Done when what was asked last is done. */
  #last: Promise<void> = Promise.resolve();

  constructor(plan: NodePlan) {
    this.name = plan.name;
    this.address = lan.node(plan.index);
    this.disk = join(plan.folder, "disk");
    this.#plan = plan;
  }

  /** Starts it, if it is off. It is ready when the API server says so. */
  powerOn(): Promise<void> {
    return this.#oneByOne(async () => {
      if (this.#power !== undefined) return;
      try {
        await this.#configure();
        await this.#openNamespaces();
        await this.#connect();
        this.#startPrograms();
      } catch (error) {
        await this.#kill();
        throw error;
      }
    });
  }

  /** All its processes are killed at once, and its network interface is gone. Its disk stays. */
  powerOff(): Promise<void> {
    return this.#oneByOne(() => this.#kill());
  }

  #oneByOne(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #kill(): Promise<void> {
    const power = this.#power;
    this.#power = undefined;
    if (power === undefined) return;
    await power.namespaces.stop("SIGKILL");
    // Killed processes are gone when the first process in the namespaces is.
    while (await exists(`/proc/${power.firstProcess}`)) await delay(10);
    await run(`ip link delete ${this.name}`).catch(() => {});
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
    const namespaces = startProcess({
      name,
      command: inNewNamespaces(["sh", join(import.meta.dirname, "mounts.sh"), name, this.disk, logs]),
      logFile: join(logs, "node.log"),
    });
    const firstProcess = await firstProcessOf(namespaces.pid);
    this.#power = { namespaces, firstProcess };
    const mounted = `/proc/${firstProcess}/root/run/node/mounted`;
    const ended = namespaces.exited.then(() => {
      throw new Error(
        `${name} ended as soon as it was started:\n  ${lastLines(namespaces.logFile).join("\n  ")}`,
      );
    });
    ended.catch(() => {});
    while (!(await Promise.race([ended, exists(mounted)]))) await delay(10);
  }

  /** Its interface eth0, and the way to the pods of all nodes. */
  async #connect(): Promise<void> {
    const { name, index, count } = this.#plan;
    const { firstProcess } = this.#on();
    const inside = (command: string) => run(inNetworkOf(firstProcess, command));
    await run(`ip link add ${name} type veth peer name eth0 netns ${firstProcess}`);
    await run(`ip link set ${name} master lan up`);
    await inside("ip link set lo up");
    await inside(`ip address add ${this.address}/${lan.prefixLength} dev eth0`);
    await inside("ip link set eth0 up");
    await inside(`ip route add default via ${lan.hub}`);
    await inside("sysctl -qw net.ipv4.ip_forward=1");
    for (let other = 0; other < count; other++) {
      if (other === index) continue;
      await inside(`ip route add ${pods.ofNode(other)} via ${lan.node(other)}`);
    }
    await run(`ip route replace ${pods.ofNode(index)} via ${this.address}`);
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
    for (; this.#power === power; await delay(1000)) {
      try {
        const running = startProcess({
          name: `${name}/${program}`,
          command: inNamespacesOf(power.firstProcess, command),
          logFile: join(logs, `${program}.log`),
        });
        await running.exited;
      } catch (error) {
        console.error(`${name}: ${program} cannot be started: ${(error as Error).message}`);
      }
    }
  }

  #on() {
    if (this.#power === undefined) throw new Error(`${this.name} is off`);
    return this.#power;
  }
}
