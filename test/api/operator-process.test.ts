import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { AppsV1Api, CustomObjectsApi, loadYaml } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";

/** `disroom operator` as people run it: processes, of which one acts. */
let controlPlane: TestControlPlane;
let apps: AppsV1Api;

beforeAll(async () => {
  controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  apps = controlPlane.client(AppsV1Api);
});

type Process = {
  readonly child: ChildProcess;
  readonly said: string[];
  says(message: string): Promise<object>;
};
const running: Process[] = [];
afterAll(() => {
  for (const { child } of running) child.kill("SIGKILL");
});

function startOperator(...args: string[]): Process {
  const flags = ["--leader-election", "--lease-namespace", "default", "--http-port", "0", ...args];
  const child = spawn(process.execPath, ["src/main.ts", "operator", ...flags], {
    env: { ...process.env, KUBECONFIG: controlPlane.kubeconfig },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  createInterface({ input: child.stderr as NonNullable<typeof child.stderr> }).on("line", (line) =>
    said.push(line),
  );
  const started: Process = {
    child,
    said,
    says: (message) =>
      eventually(() => said.map((line) => JSON.parse(line)).find(({ msg }) => msg === message) ?? false, {
        milliseconds: 60_000,
      }),
  };
  running.push(started);
  return started;
}

const deployment = { namespace: "default", name: "demo-server" };

test("of two, one acts; when it is killed, the other one does within 20 s; told to stop, it goes at once", async () => {
  const first = startOperator();
  await first.says("leading");
  const second = startOperator();
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
  const third = startOperator();
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
