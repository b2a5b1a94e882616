import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf, portOf } from "../support/kube-api.ts";
import { type LogLine, recordingLog } from "../support/recording-log.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** What happens while the operator hears nothing from the API server is done when it hears again. */

/** In milliseconds. That of an operator, over two minutes, is for API servers that have nothing to tell. */
const silenceLimit = 3000;

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
});
beforeEach(() => clusters.isReconciled("demo"));
afterAll(() => proxy.close());

const deployment = { namespace: "default", name: "demo-server" };
const read = (): Promise<KubeObject> => api.get<KubeObject>(resources.deployments, deployment);
const settings = { milliseconds: 40_000 };

/** How often all Deployments were listed. */
async function lists(): Promise<number> {
  const metrics = await kubectlAs(controlPlane.kubeconfig, "get", "--raw=/metrics");
  const line = metrics
    .split("\n")
    .find((one) => /^apiserver_request_total\{.*"deployments".*"LIST"/.test(one));
  return Number(line?.split(" ").at(-1));
}

/** Does three things: one to an object, one to the ChatCluster, and makes another ChatCluster. */
async function change(replicas: number, other: string): Promise<string | undefined> {
  const { uid } = (await read()).metadata;
  await api.delete(resources.deployments, deployment);
  await clusters.patch("demo", { server: { replicas } });
  await clusters.create(other);
  return uid;
}

async function isDone(oldUid: string | undefined, replicas: number, other: string): Promise<void> {
  await eventually(async () => {
    const { metadata, spec } = await read();
    expect(metadata.uid).not.toBe(oldUid);
    expect(spec).toMatchObject({ replicas });
  }, settings);
  await clusters.isReconciled(other);
}

test("while its connections are cut and no new ones can be made", async () => {
  proxy.isRefusing = true;
  proxy.cut();
  const uid = await change(3, "during-cut");
  await eventually(() => lines.some(({ message }) => message === "cannot watch, trying again"));
  await expect(read()).rejects.toThrow("not found");
  proxy.isRefusing = false;
  await isDone(uid, 3, "during-cut");
});

test("while its connections are open and nothing passes over them", async () => {
  proxy.freeze();
  const uid = await change(4, "during-silence");
  await isDone(uid, 4, "during-silence");
});

test("while it was away for longer than etcd remembers", async () => {
  const before = await lists();
  proxy.isRefusing = true;
  proxy.cut();
  const uid = await change(5, "during-compaction");
  // Later than all that the operator has seen.
  const { metadata } = await read();
  const resourceVersion = metadata.resourceVersion ?? "";
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
  await isDone(uid, 5, "during-compaction");
  expect(await lists()).toBe(before + 1);
});
