import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { AppsV1Api, CustomObjectsApi, loadYaml } from "@kubernetes/client-node";
import { beforeAll, expect, test } from "vitest";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { startOperator } from "../support/operator-process.ts";

/** `disroom operator` as people run it: processes, of which one acts. */
let controlPlane: TestControlPlane;
let apps: AppsV1Api;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  apps = controlPlane.client(AppsV1Api);
});

const deployment = { namespace: "default", name: "demo-server" };

test("of two, one acts; when it is killed, the other one does within 20 s; told to stop, it goes at once", async () => {
  const first = startOperator(controlPlane.kubeconfig);
  await first.says("leading");
  const second = startOperator(controlPlane.kubeconfig);
  const { http } = (await second.says("listening")) as { http: string };
  await eventually(async () => expect((await fetch(`http://${http}/readyz`)).status).toBe(200), {
    milliseconds: 60_000,
  });
  expect(await (await fetch(`http://${http}/metrics`)).text()).toContain(
    'leader_election_master_status{name="disroom-operator",role="operator"} 0',
  );
  const cluster = loadYaml<object>(readFileSync("examples/minimal.yaml", "utf8"));
  await controlPlane.client(CustomObjectsApi).createNamespacedCustomObject({
    group: "disroom.io",
    version: "v1alpha1",
    plural: "chatclusters",
    namespace: "default",
    body: cluster,
  });
  await eventually(() => apps.readNamespacedDeployment(deployment), { milliseconds: 30_000 });
  expect(second.said.join()).not.toContain("leading");

  first.child.kill("SIGKILL");
  await apps.deleteNamespacedDeployment(deployment);
  const since = performance.now();
  await eventually(() => apps.readNamespacedDeployment(deployment), { milliseconds: 30_000 });
  expect(performance.now() - since).toBeLessThan(20_000);

  second.child.kill("SIGTERM");
  expect(await once(second.child, "exit")).toEqual([0, null]);
  // It has given the Lease back.
  const third = startOperator(controlPlane.kubeconfig);
  await third.says("leading");
});

test("one that cannot find its API server says so and ends", async () => {
  const child = spawn(process.execPath, ["src/main.ts", "operator", "--lease-namespace", "default"], {
    env: { ...process.env, KUBECONFIG: "/nowhere" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  expect(await once(child, "exit")).toEqual([expect.any(Number), null]);
  expect(child.exitCode).not.toBe(0);
  expect(said).toContain("/nowhere");
});
