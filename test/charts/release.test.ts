import { type ChildProcess, execFile, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { chartWithTopic } from "../support/chart-copy.ts";
import { newFolder, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { clusterChart, commandsOf, environment, helmAs, operatorChart } from "../support/helm.ts";

/** The life of releases on a real API server, without nodes: each test goes on from the one before. */

let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await runControlPlane({
    // They would write the status of what was applied, and so make new versions of it.
    controllers: ["*", "-deployment-controller", "-disruption-controller", "-endpointslice-controller"],
  });
});

function kubectl(...args: string[]): Promise<string> {
  return kubectlAs(controlPlane.kubeconfig, `--cache-dir=${controlPlane.folder}/kubectl`, ...args);
}

function helm(...args: string[]): Promise<string> {
  return helmAs(controlPlane.kubeconfig, ...args);
}

const operator = ["disroom-operator", operatorChart, "--namespace=disroom-system"] as const;
const demo = ["demo", clusterChart, "--namespace=chat"] as const;

const chat = (path: string): Promise<string> =>
  kubectl("--namespace=chat", "get", "chat", "demo", `--output=jsonpath=${path}`);

/** What objects of a release exist, and in which versions. */
async function versions(release: string, namespace: string): Promise<string[]> {
  const file = join(controlPlane.folder, "manifest.yaml");
  writeFileSync(file, await helm("get", "manifest", release, `--namespace=${namespace}`));
  const { items, ...one } = JSON.parse(
    await kubectl("--namespace", namespace, "get", `--filename=${file}`, "--output=json"),
  );
  return ((items ?? [one]) as KubeObject[]).map(
    ({ kind, metadata: { name, namespace, uid, resourceVersion, generation } }) =>
      [kind, namespace, name, uid, resourceVersion, generation].join(" "),
  );
}

test("both charts are installed, and tell what to type next", async () => {
  const notes = await helm("install", ...operator, "--create-namespace");
  await kubectl("wait", "--for=condition=Established", "crd/chatclusters.disroom.io", "--timeout=30s");
  const [rollout, install, get, ...others] = commandsOf(notes);
  expect(others).toEqual([]);
  expect(rollout).toBe("kubectl --namespace disroom-system rollout status deployment/disroom-operator");
  expect(get).toBe("kubectl get chat --all-namespaces");

  const env = environment(controlPlane.kubeconfig);
  const shell = (command: string): Promise<{ stdout: string }> =>
    promisify(execFile)("sh", ["-c", command], { env });
  const { stdout } = await shell(install ?? "");
  expect(commandsOf(stdout)).toEqual([
    "kubectl --namespace chat wait --for=condition=Ready chat/demo --timeout=5m",
    "kubectl --namespace chat get chat demo",
    "nc 127.0.0.1 8080",
  ]);
  expect((await shell(get ?? "")).stdout).toMatch(/^NAMESPACE +NAME .*\nchat +demo /);
  expect(await chat("{.spec.server.replicas}")).toBe("2");
});

test("an upgrade that changes nothing writes nothing", async () => {
  for (const [release, namespace, args] of [
    ["disroom-operator", "disroom-system", operator],
    ["demo", "chat", demo],
  ] as const) {
    const before = await versions(release, namespace);
    expect(before.length).toBeGreaterThan(0);
    await helm("upgrade", ...args);
    await helm("upgrade", ...args);
    expect(await versions(release, namespace)).toEqual(before);
  }
});

test("an upgrade of a ChatCluster changes what was said, and not what others have set", async () => {
  await kubectl("--namespace=chat", "scale", "chat/demo", "--replicas=5");
  await helm("upgrade", ...demo, "--set=spec.server.service.type=LoadBalancer");
  expect(await chat("{.spec.server.service.type} {.spec.server.replicas}")).toBe("LoadBalancer 5");
});

test("a field that both values and somebody else set is a conflict, unless the values are to win", async () => {
  await kubectl(
    "--namespace=chat",
    "patch",
    "chat",
    "demo",
    "--type=merge",
    '--patch={"spec":{"paused":true}}',
  );
  const set = "--set=spec.paused=false";
  await expect(helm("upgrade", ...demo, set)).rejects.toThrow(/conflict.*\.spec\.paused/s);
  expect(await chat("{.spec.paused}")).toBe("true");
  await helm("upgrade", ...demo, set, "--force-conflicts");
  expect(await chat("{.spec.paused}")).toBe("false");
});

test("what depends on several fields is refused in the words of the CRD", async () => {
  await expect(helm("upgrade", ...demo, "--set=spec.workers.minReplicas=17")).rejects.toThrow(
    "must be at most spec.workers.partitions",
  );
  await helm("rollback", "demo", "--namespace=chat");
});

test("a field that is new in the CRD comes with an upgrade, and ChatClusters stay", async () => {
  const uid = await chat("{.metadata.uid}");
  const patch = ["--namespace=chat", "patch", "chat", "demo", "--type=merge", "--warnings-as-errors"];
  const set = [...patch, '--patch={"spec":{"topic":"cats"}}'];
  await expect(kubectl(...set)).rejects.toThrow('unknown field "spec.topic"');
  await helm("upgrade", "disroom-operator", chartWithTopic(newFolder()), "--namespace=disroom-system");
  // The API server takes a moment to serve it.
  await eventually(() => kubectl(...set), { milliseconds: 30_000, interval: 250 });
  expect(await chat("{.spec.topic} {.metadata.uid}")).toBe(`cats ${uid}`);
});

test("the definition and the ChatClusters stay when the operator is uninstalled, and are found again", async () => {
  const uid = await chat("{.metadata.uid}");
  await helm("uninstall", "disroom-operator", "--namespace=disroom-system", "--wait");
  const left = ["deployment,service,serviceaccount,role,rolebinding,networkpolicy,pdb", "--output=name"];
  const names = await kubectl("--namespace=disroom-system", "get", ...left);
  expect(names.trim().split("\n")).toEqual(["serviceaccount/default"]);
  expect(await chat("{.metadata.uid}")).toBe(uid);
  await helm("install", ...operator);
  expect(await chat("{.metadata.uid}")).toBe(uid);
});

test("a ChatCluster goes with its release", async () => {
  await helm("uninstall", "demo", "--namespace=chat", "--wait");
  await expect(chat("{.metadata.uid}")).rejects.toThrow("not found");
});

let running: ChildProcess | undefined;
afterAll(() => running?.kill("SIGKILL"));

test("an operator for some namespaces works there with the rights and arguments that it is given", async () => {
  for (const namespace of ["team-a", "team-b"]) await kubectl("create", "namespace", namespace);
  await helm("upgrade", ...operator, "--set=namespaces={team-a}");
  const account = "system:serviceaccount:disroom-system:disroom-operator";
  const can = (verb: string, kind: string, namespace: string): Promise<string> =>
    kubectl(`--as=${account}`, "auth", "can-i", verb, kind, `--namespace=${namespace}`).catch(() => "no\n");
  expect(await can("create", "deployments", "team-a")).toBe("yes\n");
  expect(await can("create", "deployments", "team-b")).toBe("no\n");
  expect(await can("get", "secrets", "disroom-system")).toBe("no\n");
  expect(await can("delete", "deployments", "team-a")).toBe("no\n");

  const args = await kubectl(
    "--namespace=disroom-system",
    "get",
    "deployment",
    "disroom-operator",
    "--output=jsonpath={.spec.template.spec.containers[0].args}",
  );
  const place = ["--lease-namespace=disroom-system", "--http-port=0"];
  running = spawn(process.execPath, ["src/main.ts", ...JSON.parse(args), ...place], {
    env: { ...process.env, KUBECONFIG: await kubeconfigOf("disroom-operator") },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  running.stderr?.on("data", (text) => {
    said += text;
  });
  for (const namespace of ["team-b", "team-a"]) {
    await helm("install", "demo", clusterChart, `--namespace=${namespace}`);
  }
  await eventually(
    async () => {
      const path = '--output=jsonpath={.status.conditions[?(@.type=="ReconcileSuccess")].status}';
      const status = await kubectl("--namespace=team-a", "get", "chat", "demo", path);
      if (status !== "True") throw new Error(said);
    },
    { milliseconds: 60_000, interval: 250 },
  );
  const deployments = await kubectl("get", "deployments", "--all-namespaces", "--output=name");
  expect(deployments.trim().split("\n").toSorted()).toEqual([
    "deployment.apps/demo-redis",
    "deployment.apps/demo-server",
    "deployment.apps/demo-worker",
    "deployment.apps/disroom-operator",
  ]);
  expect(said).not.toContain("forbidden");
});

test("what was installed with kubectl can be taken over", async () => {
  await helm("uninstall", "disroom-operator", "--namespace=disroom-system", "--wait");
  await kubectl("apply", "--server-side", "--force-conflicts", "--filename=crds", "--filename=deploy");
  const uid = (kind: string): Promise<string> =>
    kubectl(
      "--namespace=disroom-system",
      "get",
      kind,
      "disroom-operator",
      "--output=jsonpath={.metadata.uid}",
    );
  const before = await uid("deployment");
  await expect(helm("install", ...operator)).rejects.toThrow("cannot be imported into the current release");
  await helm("install", ...operator, "--take-ownership");
  expect(await uid("deployment")).toBe(before);
});

/** Of the operator's service account, by a token as its pods have one. */
async function kubeconfigOf(account: string): Promise<string> {
  const token = await kubectl("--namespace=disroom-system", "create", "token", account);
  const config = new KubeConfig();
  config.loadFromFile(controlPlane.kubeconfig);
  config.users = config.users.map(({ name }) => ({ name, token: token.trim() }));
  const file = join(newFolder(), "kubeconfig");
  writeFileSync(file, config.exportConfig());
  return file;
}
