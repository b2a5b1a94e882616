import { existsSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { UsageError } from "../../platform/settings.ts";
import { podConnection } from "./pod-connection.ts";

/** How long what was read is believed, in milliseconds: files are not read, and plugins not asked, at each request. */
const freshFor = 10_000;
/** The least time from one refusal that makes it read everything again to the next, in milliseconds. */
const refreshPause = 1000;

export type ConnectionOptions = Pick<
  RequestOptions,
  | "agent"
  | "auth"
  | "ca"
  | "cert"
  | "headers"
  | "key"
  | "passphrase"
  | "pfx"
  | "rejectUnauthorized"
  | "servername"
>;

/** What is needed of a kubeconfig: the KubeConfig of @kubernetes/client-node is one. */
export type ConnectionSource = {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string | undefined } | null;
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
};

/**
 * Who this program is to the API server. `load` reads where that is written down: a kubeconfig, or what a pod
 * finds of its service account. Kubernetes replaces tokens and certificates while the program runs: a token
 * file is read again after a minute at the latest, and everything is when the API server refuses.
 */
export class Credentials {
  readonly #load: () => ConnectionSource;
  #config: ConnectionSource;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #latest: { readonly options: Promise<ConnectionOptions>; readonly at: number } | undefined;

  constructor(load: () => ConnectionSource) {
    this.#load = load;
    this.#config = load();
    // What is wrong with it is found at once.
    void this.server;
  }

  /**
   * From `$KUBECONFIG`, `~/.kube/config`, or the pod's service account. Only for a kubeconfig, which may have plugins
   * and proxies, is the client library loaded: it takes 50 MiB of memory.
   */
  static async fromEnvironment(): Promise<Credentials> {
    const hasKubeconfig = process.env.KUBECONFIG || existsSync(join(homedir(), ".kube", "config"));
    const isInPod = !hasKubeconfig && podConnection() !== undefined;
    if (isInPod) return new Credentials(() => podConnection() as ConnectionSource);
    return Credentials.#fromKubeconfig((config) => config.loadFromDefault());
  }

  static fromFile(file: string): Promise<Credentials> {
    return Credentials.#fromKubeconfig((config) => config.loadFromFile(file));
  }

  static async #fromKubeconfig(read: (config: KubeConfig) => void): Promise<Credentials> {
    const client = await import("@kubernetes/client-node");
    return new Credentials(() => {
      const config = new client.KubeConfig();
      read(config);
      return config;
    });
  }

  /** The address of the API server. */
  get server(): URL {
    const server = this.#config.getCurrentCluster()?.server;
    const url = server === undefined ? null : URL.parse(server);
    if (url === null) throw new UsageError("the kubeconfig names no API server: set its current-context");
    if (url.protocol !== "https:")
      throw new UsageError(`the API server must be reached by https, not ${server}`);
    return url;
  }

  /** What to connect with. Those who ask at once share one answer, so that a plugin runs once. */
  options(): Promise<ConnectionOptions> {
    const now = performance.now();
    if (this.#latest === undefined || now - this.#latest.at > freshFor) {
      const options = this.#read();
      options.catch(() => {
        if (this.#latest?.options === options) this.#latest = undefined;
      });
      this.#latest = { options, at: now };
    }
    return this.#latest.options;
  }

  /**
   * Reads everything again, since the API server refused what it was shown at `shownAt` (performance.now()). The
   * result is whether there is something newer now. A file that cannot be read, since it is being replaced, is left
   * for the next time.
   */
  refresh(shownAt: number): boolean {
    if (this.#refreshedAt > shownAt) return true;
    const now = performance.now();
    if (now - this.#refreshedAt < refreshPause) return false;
    try {
      this.#config = this.#load();
    } catch {
      return false;
    }
    this.#refreshedAt = now;
    this.#latest = undefined;
    return true;
  }

  async #read(): Promise<ConnectionOptions> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { agent, ...rest } = options;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      // Who wrote a token with an editor has a line feed behind it.
      headers[name] = String(value).trim();
    }
    // Its agent keeps the certificates with which it was made for ever, so that it is of use for a proxy only.
    const isProxied = this.#config.getCurrentCluster()?.proxyUrl !== undefined;
    return { ...rest, headers, ...(isProxied && agent !== undefined && { agent }) };
  }
}
