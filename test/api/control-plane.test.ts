import { spawn } from "node:child_process";
import { once } from "node:events";
import { AppsV1Api, AuthenticationV1Api, CoreV1Api } from "@kubernetes/client-node";
import { beforeAll, expect, test } from "vitest";
import { startControlPlane } from "../../kube/control-plane/control-plane.ts";
import { newFolder, processesIn, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { isRunning } from "../support/disroom-up.ts";
import { eventually } from "../support/eventually.ts";

const podTemplate = {
  metadata: { labels: { app: "demo" } },
  spec: { containers: [{ name: "demo", image: "demo" }] },
};

/** For tests that do not stop it. */
let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await runControlPlane();
});

test("the controllers work: what a deployment asks for comes, and goes with it and with its namespace", async () => {
  const core = controlPlane.client(CoreV1Api);
  const apps = controlPlane.client(AppsV1Api);
  const inNamespace = { namespace: "demo" };
  await core.createNamespace({ body: { metadata: { name: "demo" } } });
  const spec = { replicas: 2, selector: { matchLabels: { app: "demo" } }, template: podTemplate };
  const deploy = (): Promise<unknown> =>
    eventually(() =>
      apps.createNamespacedDeployment({ ...inNamespace, body: { metadata: { name: "demo" }, spec } }),
    );
  const pods = async (): Promise<number> => (await core.listNamespacedPod(inNamespace)).items.length;

  await deploy();
  await eventually(async () => (await pods()) === 2);
  await apps.deleteNamespacedDeployment({ ...inNamespace, name: "demo" });
  await eventually(async () => (await pods()) === 0);

  await deploy();
  await eventually(async () => (await pods()) === 2);
  await core.deleteNamespace({ name: "demo" });
  await eventually(async () =>
    (await core.listNamespace()).items.every((one) => one.metadata?.name !== "demo"),
  );
});

test("the API server knows the tokens of service accounts", async () => {
  const account = { name: "default", namespace: "default" };
  const { status } = await controlPlane
    .client(CoreV1Api)
    .createNamespacedServiceAccountToken({ ...account, body: { spec: { audiences: [] } } });
  const review = await controlPlane
    .client(AuthenticationV1Api)
    .createTokenReview({ body: { spec: { token: status?.token ?? "" } } });
  expect(review.status?.user?.username).toBe("system:serviceaccount:default:default");
});

test("two at once do not disturb each other", async () => {
  const [one, other] = await Promise.all([runControlPlane(), runControlPlane()]);
  await one.client(CoreV1Api).createNamespace({ body: { metadata: { name: "of-one" } } });
  const namespaces = async (): Promise<unknown[]> =>
    (await other.client(CoreV1Api).listNamespace()).items.map(({ metadata }) => metadata?.name);
  expect(await namespaces()).toContain("default");
  expect(await namespaces()).not.toContain("of-one");
  await one.stop();
  expect(await processesIn(one.folder)).toEqual([]);
  expect(await namespaces()).toContain("default");
});

test("an API server that was killed comes back with its objects, and the controllers go on", async () => {
  const core = controlPlane.client(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: "kept" } } });
  await controlPlane.killApiServer();
  await expect(core.readNamespace({ name: "kept" })).rejects.toThrow();
  await controlPlane.restartApiServer();
  expect((await core.readNamespace({ name: "kept" })).metadata?.name).toBe("kept");
  // The service account of a new namespace is made by a controller.
  await core.createNamespace({ body: { metadata: { name: "new" } } });
  await eventually(() => core.readNamespacedServiceAccount({ namespace: "new", name: "default" }), {
    milliseconds: 30_000,
  });
});

test("the scheduler runs where it is asked for, and stop leaves nothing running", async () => {
  const controlPlane = await runControlPlane({ scheduler: true });
  const pids = controlPlane.processes.map(({ pid }) => pid);
  expect(controlPlane.processes.map(({ name }) => name).toSorted()).toEqual([
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
  ]);
  expect((await processesIn(controlPlane.folder)).toSorted()).toEqual(pids.toSorted());
  await controlPlane.stop();
  expect(pids.filter(isRunning)).toEqual([]);
  expect(await processesIn(controlPlane.folder)).toEqual([]);
});

test("nothing outlives a process that is killed with SIGKILL", async () => {
  const folder = newFolder();
  const parent = spawn(process.execPath, ["test/support/control-plane-process.ts", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output] = await once(parent.stdout, "data");
  expect(String(output)).toBe("ready\n");
  expect(await processesIn(folder)).toHaveLength(4);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await eventually(async () => (await processesIn(folder)).length === 0, { milliseconds: 2000 });
});

test.each([
  ["kube-apiserver", { apiServerArgs: ["--no-such-flag"] }],
  ["kube-controller-manager", { controllerManagerArgs: ["--no-such-flag"] }],
])("says at once why %s did not come up, and leaves nothing running", async (name, options) => {
  const folder = newFolder();
  const began = performance.now();
  const starting = startControlPlane({ folder, logs: `${folder}/logs`, ...options });
  await expect(starting).rejects.toThrow(
    new RegExp(`^${name} ended with exit code 1; its last lines .*unknown flag: --no-such-flag`, "s"),
  );
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(await processesIn(folder)).toEqual([]);
});
