import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Credentials } from "../../src/cluster/credentials.ts";
import { companionConfig, natsConfig } from "../../src/cluster/nats-config.ts";
import { findBinaries } from "../../src/local/binaries.ts";
import { freePorts } from "../../src/local/ports.ts";
import { natsUsers } from "../../src/operator/resources/credentials.ts";
import {
  founderName,
  founderPeers,
  joinerPeers,
  nodeNameVariable,
  startFiles,
  startScript,
} from "../../src/operator/resources/nats-start.ts";
import type { StoredChatCluster } from "../../src/operator/resources/options.ts";
import { eventually } from "./eventually.ts";

type Ports = {
  readonly client: number;
  readonly routes: number;
  readonly monitor: number;
  readonly companion: number;
};

/** NATS nodes of a ChatCluster, started as their pods would start them, as processes of this machine. */
export class NatsPods {
  readonly #cluster: StoredChatCluster;
  readonly #credentials: Credentials;
  readonly #ports: readonly Ports[];
  readonly #folder = mkdtempSync(join(tmpdir(), "disroom-nats-pods-"));
  readonly #running = new Map<number, ChildProcess>();

  private constructor(cluster: StoredChatCluster, credentials: Credentials, ports: readonly Ports[]) {
    this.#cluster = cluster;
    this.#credentials = credentials;
    this.#ports = ports;
  }

  /** Up to `most` of them, none of which runs yet. */
  static async of(cluster: StoredChatCluster, credentials: Credentials, most: number): Promise<NatsPods> {
    const free = await freePorts(4 * most);
    const ports = Array.from({ length: most }, (_, pod) => {
      const [client = 0, routes = 0, monitor = 0, companion = 0] = free.slice(4 * pod);
      return { client, routes, monitor, companion };
    });
    return new NatsPods(cluster, credentials, ports);
  }

  /** Where clients reach a pod, as `host:port`. */
  addressOf(pod: number): string {
    return `127.0.0.1:${this.#portsOf(pod).client}`;
  }

  /** All of them, with the login of servers and workers. */
  get url(): string {
    const login = `${natsUsers.clients}:${this.#credentials.nats}`;
    return this.#ports.map((_, pod) => `nats://${login}@${this.addressOf(pod)}`).join(",");
  }

  /** Starts a pod that knows of the first `nodes`; done when its process runs. */
  async start(pod: number, { nodes, mayFound }: { nodes: number; mayFound: boolean }): Promise<void> {
    const config = join(this.#folder, `config-${pod}`);
    const store = this.#storeOf(pod);
    rmSync(config, { recursive: true, force: true });
    mkdirSync(config);
    mkdirSync(store, { recursive: true });
    const folders = { config, store };
    const files = {
      [startFiles.script]: startScript(folders),
      [startFiles.config]: this.#configOf(pod, nodes),
      [startFiles.companion]: companionConfig(this.#companionOf(pod)),
      [startFiles.joinerPeers]: joinerPeers,
      ...(mayFound && {
        [startFiles.founderName]: founderName(this.#cluster),
        [startFiles.founderPeers]: founderPeers(this.#cluster),
      }),
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(config, name), content);
    const process_ = spawn("/bin/sh", [join(config, startFiles.script)], {
      env: {
        PATH: `${dirname(findBinaries().natsServer)}:${process.env.PATH}`,
        POD_NAME: `${this.#cluster.metadata.name}-nats-${pod}`,
      },
      stdio: "ignore",
      // All processes of a pod end together.
      detached: true,
    });
    await once(process_, "spawn");
    this.#running.set(pod, process_);
  }

  /** As the kubelet asks. */
  async becomesHealthy(pod: number): Promise<void> {
    const { monitor } = this.#portsOf(pod);
    await eventually(async () => (await fetch(`http://127.0.0.1:${monitor}/healthz`)).ok, {
      milliseconds: 60_000,
      interval: 50,
    });
  }

  /** Ends a pod without a word. */
  async kill(pod: number): Promise<void> {
    const running = this.#running.get(pod);
    if (running?.pid === undefined) return;
    this.#running.delete(pod);
    const gone = once(running, "exit");
    process.kill(-running.pid, "SIGKILL");
    await gone;
  }

  loseVolume(pod: number): void {
    rmSync(this.#storeOf(pod), { recursive: true });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((pod) => this.kill(pod)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #storeOf(pod: number): string {
    return join(this.#folder, `store-${pod}`);
  }

  #portsOf(pod: number): Ports {
    const ports = this.#ports[pod];
    if (ports === undefined) throw new Error(`there is no pod ${pod}`);
    return ports;
  }

  #companionOf(pod: number) {
    const login = { user: natsUsers.routes, password: this.#credentials.natsRoutes };
    return { port: this.#portsOf(pod).companion, login };
  }

  #configOf(pod: number, nodes: number): string {
    const { nats, natsRoutes, natsSystem } = this.#credentials;
    const { client, routes, monitor } = this.#portsOf(pod);
    return natsConfig({
      name: { variable: nodeNameVariable },
      host: "127.0.0.1",
      port: client,
      monitorPort: monitor,
      login: { user: natsUsers.clients, password: nats },
      systemLogin: { user: natsUsers.system, password: natsSystem },
      storeFolder: this.#storeOf(pod),
      storageBytes: 10 * 2 ** 30,
      syncAlways: false,
      cluster: {
        name: this.#cluster.metadata.name,
        port: routes,
        login: { user: natsUsers.routes, password: natsRoutes },
        nodes: this.#ports.slice(0, nodes).map((each) => `127.0.0.1:${each.routes}`),
      },
      companion: this.#companionOf(pod),
    });
  }
}
