import { readFileSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { afterAll, expect } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { ChatClusterStatus, Condition } from "../../src/cluster/chat-cluster.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { Credentials } from "../../src/operator/kube/credentials.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { natsUrl } from "../../src/operator/nats-url.ts";
import { Operator, type OperatorSettings } from "../../src/operator/operator.ts";
import { createLog } from "../../src/platform/log.ts";
import type { TestControlPlane } from "./control-plane.ts";
import { eventually } from "./eventually.ts";
import { settledNats } from "./settled-nats.ts";

export type TestOperator = { readonly registry: Registry; stop(): Promise<void> };

const running = new Set<Operator>();
afterAll(async () => {
  await Promise.all([...running].map((operator) => operator.stop()));
});

/**
 * Runs the operator in this process with the rights that it has where it is installed, and no more; it stops after the
 * last test of the file at the latest. `port`: where it reaches the API server, when not at its own port.
 */
export async function runOperator(
  controlPlane: TestControlPlane,
  { port, ...settings }: Partial<OperatorSettings> & { readonly port?: number } = {},
): Promise<TestOperator> {
  const registry = new Registry();
  const operator = new Operator({
    namespaces: [],
    image: "ghcr.io/disroom/disroom:0.1.0",
    concurrency: 4,
    leaderElection: false,
    leaseNamespace: "disroom-system",
    leaseName: "disroom-operator",
    identity: "test",
    requestsPerSecond: 200,
    registry,
    log: createLog("operator", "silent"),
    credentials: await installedCredentials(controlPlane, port),
    provideNats: settledNats,
    natsUrl,
    ...settings,
  });
  running.add(operator);
  await operator.run();
  return {
    registry,
    stop: async () => {
      running.delete(operator);
      await operator.stop();
    },
  };
}

async function installedCredentials(
  { kubeconfig, server }: TestControlPlane,
  port: number | undefined,
): Promise<Credentials> {
  const kubectl = (...args: string[]): Promise<string> => kubectlAs(kubeconfig, ...args);
  await kubectl("apply", "--server-side", "--filename=deploy/operator.yaml");
  const token = await kubectl("--namespace=disroom-system", "create", "token", "disroom-operator");
  const config = new KubeConfig();
  const text = readFileSync(kubeconfig, "utf8");
  config.loadFromString(port === undefined ? text : text.replace(server, `https://127.0.0.1:${port}`));
  config.users = config.users.map(({ name }) => ({ name, token: token.trim() }));
  return new Credentials(() => config);
}

type ReadChatCluster = KubeObject & { readonly status?: ChatClusterStatus };

/** ChatClusters of a namespace, as people see and change them. */
export class ChatClusters {
  readonly namespace: string;
  readonly #api: KubeApi;

  constructor(api: KubeApi, namespace = "default") {
    this.#api = api;
    this.namespace = namespace;
  }

  /** The same in a new namespace with these labels. */
  async inNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<ChatClusters> {
    await this.#api.create(resources.namespaces, { metadata: { name, labels } });
    return new ChatClusters(this.#api, name);
  }

  /** With these fields, and the defaults of all others. */
  create(name: string, spec: object = {}): Promise<KubeObject> {
    const object = {
      kind: "ChatCluster",
      apiVersion: "disroom.io/v1alpha1",
      metadata: this.#named(name),
      spec,
    };
    return this.#api.create(resources.chatClusters, object);
  }

  read(name: string): Promise<ReadChatCluster> {
    return this.#api.get(resources.chatClusters, this.#named(name));
  }

  patch(name: string, spec: object): Promise<KubeObject> {
    return this.#api.mergePatch(resources.chatClusters, this.#named(name), { spec });
  }

  delete(name: string): Promise<void> {
    return this.#api.delete(resources.chatClusters, this.#named(name));
  }

  /** Waits until a condition has these fields. */
  async says(
    name: string,
    type: string,
    wanted: Partial<Condition> | Record<string, unknown>,
    milliseconds = 30_000,
  ): Promise<void> {
    await eventually(
      async () => {
        const { status } = await this.read(name);
        expect(status?.conditions?.find((one) => one.type === type)).toMatchObject(wanted);
      },
      { milliseconds },
    );
  }

  /** Waits until all that the spec asks for now has been done. */
  async isReconciled(name: string): Promise<void> {
    await eventually(
      async () => {
        const { metadata, status } = await this.read(name);
        expect(status?.observedGeneration).toBe(metadata.generation);
        expect(status?.conditions?.find((one) => one.type === "ReconcileSuccess")?.status).toBe("True");
      },
      { milliseconds: 30_000 },
    );
  }

  /** What was said of it so far: `Normal Created: created ... x1`. */
  async events(name: string): Promise<string[]> {
    const { metadata } = await this.read(name);
    const fieldSelector = `involvedObject.uid=${metadata.uid}`;
    const { items } = await this.#api.list(resources.events, { namespace: this.namespace, fieldSelector });
    return items.map(({ type, reason, message, count }) => `${type} ${reason}: ${message} x${count}`);
  }

  #named(name: string): { namespace: string; name: string } {
    return { namespace: this.namespace, name };
  }
}

/** Kinds of which a ChatCluster has objects. */
const ownedKinds = [
  resources.secrets,
  resources.serviceAccounts,
  resources.services,
  resources.networkPolicies,
  resources.podDisruptionBudgets,
  resources.statefulSets,
  resources.deployments,
] as const;

/** All objects of a ChatCluster, by `Kind name`. */
export async function ownedObjects(
  api: KubeApi,
  namespace: string,
  name: string,
): Promise<Map<string, KubeObject>> {
  const labelSelector = `app.kubernetes.io/instance=${name}`;
  const lists = await Promise.all(
    ownedKinds.map((resource) => api.list<KubeObject>(resource, { namespace, labelSelector })),
  );
  const objects = lists.flatMap(({ items }) => items);
  return new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}
