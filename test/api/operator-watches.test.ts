import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject, ObjectName } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf, portOf } from "../support/kube-api.ts";
import { type LogLine, recordingLog } from "../support/recording-log.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** What happens while the operator hears nothing from the API server is done when it hears again. */

/**
 * In milliseconds. That of an operator, over two minutes, is for API servers that have nothing to tell; one of less than
 * ten seconds would make it wait longer each time.
 */
const silenceLimit = 11_000;

let controlPlane: TestControlPlane;
let api: KubeApi;
let clusters: ChatClusters;
let proxy: TcpProxy;
let lines: LogLine[];

beforeAll(async () => {
  controlPlane = await runControlPlane({
    beforeControllers: defineChatClusters,
    controllers: ["*", "-deployment-controller", "-statefulset-controller", "-disruption-controller"],
    // What became of Deployments is asked of etcd, which forgets what is older than a second.
    apiServerArgs: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=deployments.apps#0"],
  });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  proxy = await TcpProxy.open(portOf(controlPlane));
  const recording = recordingLog();
  lines = recording.lines;
  await runOperator(controlPlane, { port: proxy.port, silenceLimit, log: recording.log });
  await clusters.create("demo");
  await clusters.isReconciled("demo");
  // As if its nodes ran: the operator does nothing then that is not for a change.
  const status = { observedGeneration: 1_000_000, replicas: 3, readyReplicas: 3, updatedReplicas: 3 };
  const nats = { namespace: "default", name: "demo-nats" };
  await api.mergePatch(resources.statefulSets, nats, { status }, { subresource: "status" });
  await clusters.says("demo", "NATSReady", { status: "True" });
});
beforeEach(async () => {
  // It hears of what becomes of the object, and knows that it is there.
  await api.mergePatch(resources.deployments, gone, { spec: { replicas: 7 } });
  await eventually(async () => expect((await read(gone)).spec).toMatchObject({ replicas: 1 }), settings);
});
afterAll(() => proxy.close());

/** Nothing but that it is gone makes the operator make it again. */
const gone = { namespace: "default", name: "demo-redis" };
const changed = { namespace: "default", name: "demo-server" };
const read = (name: ObjectName): Promise<KubeObject> => api.get<KubeObject>(resources.deployments, name);
const settings = { milliseconds: 40_000 };

/** How often all Deployments were listed. */
async function lists(): Promise<number> {
  const metrics = await kubectlAs(controlPlane.kubeconfig, "get", "--raw=/metrics");
  const line = metrics
    .split("\n")
    .find((one) => /^apiserver_request_total\{.*"deployments".*"LIST"/.test(one));
  return Number(line?.split(" ").at(-1));
}

/** Deletes an object, changes the ChatCluster, and makes another one. */
async function change(replicas: number, other: string): Promise<void> {
  await api.delete(resources.deployments, gone);
  await clusters.patch("demo", { server: { replicas } });
  await clusters.create(other);
}

async function isDone(replicas: number, other: string): Promise<void> {
  await eventually(() => read(gone), settings);
  await eventually(async () => expect((await read(changed)).spec).toMatchObject({ replicas }), settings);
  await clusters.isReconciled(other);
}

test("while its connections are cut and no new ones can be made", async () => {
  proxy.isRefusing = true;
  proxy.cut();
  await change(3, "during-cut");
  await eventually(() => lines.some(({ message }) => message === "cannot watch, trying again"));
  await expect(read(gone)).rejects.toThrow("not found");
  proxy.isRefusing = false;
  await isDone(3, "during-cut");
});

test("while its connections are open and nothing passes over them", async () => {
  proxy.freeze();
  await change(4, "during-silence");
  await isDone(4, "during-silence");
});

test("while it was away for longer than etcd remembers", async () => {
  proxy.isRefusing = true;
  proxy.cut();
  // As new as anything that it has seen.
  const { resourceVersion } = await api.list(resources.deployments);
  const before = await lists();
  await change(5, "during-compaction");
  await eventually(async () => {
    // Something has to happen for etcd to forget what was before.
    await clusters.patch("demo", { server: { limits: { maxConnections: Math.ceil(performance.now()) } } });
    const watch = api.watch(resources.deployments, {
      resourceVersion,
      timeoutSeconds: 1,
      silenceLimit: 5000,
    });
    return watch.next().then(
      () => false,
      (error: unknown) => error instanceof KubeApiError && error.isGone,
    );
  }, settings);
  proxy.isRefusing = false;
  await isDone(5, "during-compaction");
  // It had to read them all anew.
  expect(await lists()).toBe(before + 1);
});
