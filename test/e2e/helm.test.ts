import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { state } from "../../kube/state.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { chartWithTopic } from "../support/chart-copy.ts";
import { type ClientProgram, runClient } from "../support/client-program.ts";
import { welcome } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { clusterChart, commandsOf, environment, helmAs, operatorChart } from "../support/helm.ts";
import { kubectl } from "../support/kubectl.ts";
import { applyNamespace } from "../support/namespace.ts";

/**
 * Both charts on Kubernetes, from the first installation to the last removal: each test goes on from the one before.
 * What needs no nodes is in test/charts.
 */
const chat = applyNamespace("e2e-helm", "test/e2e/manifests/helm.yaml");

const helm = (...args: string[]): Promise<string> => helmAs(state.kubeconfig, ...args);

const operator = ["disroom-operator", operatorChart, "--namespace=disroom-system"] as const;
const demo = [
  "demo",
  clusterChart,
  "--namespace=e2e-helm",
  "--values=test/e2e/manifests/helm-values.yaml",
] as const;
const changed = "--set=spec.server.replicas=2";

/** Nothing of the operator is left but its CRD. */
async function removeOperator(): Promise<void> {
  await helm("uninstall", "disroom-operator", "--namespace=disroom-system", "--ignore-not-found", "--wait");
  await kubectl("delete", "--filename=deploy", "--ignore-not-found", "--timeout=120s");
}

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "disroom-charts-"));
  // What a run that was killed has left, and other tests' own.
  await removeOperator();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await helm("uninstall", "demo", "--namespace=e2e-helm", "--ignore-not-found", "--wait");
  await removeOperator();
  // For tests that apply it with kubectl: Helm owned it.
  await kubectl("apply", "--server-side", "--force-conflicts", "--filename=crds");
});

async function operatorIsReady(): Promise<void> {
  const rollout = ["rollout", "status", "deployment/disroom-operator", "--timeout=120s"];
  await kubectl("--namespace=disroom-system", ...rollout);
}

async function chatIsReady(): Promise<void> {
  await chat.kubectl("wait", "--for=condition=Ready", "chat/demo", "--timeout=240s");
}

/** How the notes of the installation say that one connects. */
let chatCommand: string;

/** Somebody who types that command and joins the room. */
async function person(name: string): Promise<ClientProgram> {
  const exports = Object.entries(environment(state.kubeconfig))
    .filter(([variable]) => ["KUBECONFIG", "PATH"].includes(variable))
    .map(([variable, value]) => `export ${variable}='${value}'; `);
  // Nodes learn a moment later than the operator that a server is ready.
  const client = await eventually(
    async () => {
      const one = runClient("sh", "-c", `${exports.join("")}exec ${chatCommand}`);
      await one.prints(welcome);
      return one;
    },
    { milliseconds: 90_000, interval: 250 },
  );
  client.type(`join lobby ${name}`);
  await client.prints(`Joined room lobby as ${name}\n`);
  return client;
}

/** The objects of both releases: which they are, and what they should be. Status does not count. */
async function objects(): Promise<string[]> {
  const manifests = [
    ["disroom-system", await helm("get", "manifest", "disroom-operator", "--namespace=disroom-system")],
    ["e2e-helm", await helm("get", "manifest", "demo", "--namespace=e2e-helm")],
  ];
  const found: string[] = [];
  for (const [namespace, manifest] of manifests) {
    for (const name of namesIn(manifest ?? "")) {
      const text = await kubectl(`--namespace=${namespace}`, "get", ...name, "--output=json");
      const { uid, generation, resourceVersion } = (JSON.parse(text) as KubeObject).metadata;
      found.push([...name, uid, generation ?? resourceVersion].join(" "));
    }
  }
  return found;
}

/** Kind and name of each object of a manifest. */
function namesIn(manifest: string): string[][] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as KubeObject | null)
    .flatMap((object) => (object === null ? [] : [[object.kind, object.metadata.name]]));
}

/** The pods of both releases that are to stay. */
async function pods(): Promise<string[]> {
  const found: string[] = [];
  for (const namespace of ["disroom-system", "e2e-helm"]) {
    const text = await kubectl(`--namespace=${namespace}`, "get", "pods", "--output=json");
    const items: { metadata: { uid: string; deletionTimestamp?: string } }[] = JSON.parse(text).items;
    found.push(
      ...items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.uid] : [])),
    );
  }
  return found.toSorted();
}

test("both charts are installed, and people chat as the notes say", async () => {
  await kubectl("create", "namespace", "disroom-system");
  await kubectl("label", "namespace", "disroom-system", "pod-security.kubernetes.io/enforce=restricted");
  // Other tests have applied the CRD with kubectl, perhaps an older one.
  await helm("install", ...operator, "--take-ownership", "--force-conflicts");
  await operatorIsReady();
  const [wait, get, connect = "", ...others] = commandsOf(await helm("install", ...demo));
  expect(others).toEqual([]);
  expect(wait).toBe("kubectl --namespace e2e-helm wait --for=condition=Ready chat/demo --timeout=5m");
  expect(get).toBe("kubectl --namespace e2e-helm get chat demo");
  chatCommand = connect;
  await chatIsReady();
  const [alice, bob] = [await person("alice"), await person("bob")];
  bob.type("send hello");
  await alice.prints(/\[.{8}\] bob: hello\n/);
  await bob.prints(/\[.{8}\] bob: hello\n/);
});

test("an upgrade changes what was said, and a second one nothing", async () => {
  const upgrade = async (): Promise<void> => {
    await helm("upgrade", ...operator, "--set=settings.logLevel=debug");
    await helm("upgrade", ...demo, changed);
  };
  await upgrade();
  await operatorIsReady();
  await eventually(
    async () => expect(await chat.get(["chat", "demo"], "{.status.servers.readyReplicas}")).toBe("2"),
    { milliseconds: 120_000, interval: 500 },
  );
  const [before, podsBefore] = [await objects(), await pods()];
  await upgrade();
  expect(await objects()).toEqual(before);
  await operatorIsReady();
  await chatIsReady();
  expect(await pods()).toEqual(podsBefore);
});

test("a field that is new in the CRD comes with an upgrade, and people chat on", async () => {
  const alice = await person("alice");
  // Other tests have applied the definition with kubectl, which owns its fields then.
  const toTopic = ["upgrade", "disroom-operator", chartWithTopic(folder), "--namespace=disroom-system"];
  await helm(...toTopic, "--force-conflicts");
  const patch = ["patch", "chat", "demo", "--type=merge", '--patch={"spec":{"topic":"cats"}}'];
  await eventually(() => chat.kubectl(...patch, "--warnings-as-errors"), {
    milliseconds: 30_000,
    interval: 250,
  });
  expect(await chat.get(["chat", "demo"], "{.spec.topic}")).toBe("cats");
  await operatorIsReady();
  alice.type("send still here");
  await alice.prints(/\[.{8}\] alice: still here\n/);
  // The definition as it is in crds/.
  await helm("upgrade", ...operator);
  await operatorIsReady();
});

test("without the operator people chat on, and the definition is there", async () => {
  const alice = await person("alice");
  await helm("uninstall", "disroom-operator", "--namespace=disroom-system", "--wait");
  const left = ["--namespace=disroom-system", "get", "deployments,pods", "--output=name"];
  await eventually(async () => expect(await kubectl(...left)).toBe(""), {
    milliseconds: 60_000,
    interval: 500,
  });
  expect(await chat.kubectl("get", "chat", "--output=name")).toBe("chatcluster.disroom.io/demo\n");
  alice.type("send without it");
  await alice.prints(/\[.{8}\] alice: without it\n/);
});

test("a chat cluster goes with its release, but for its messages, which a new one has again", async () => {
  await helm("uninstall", "demo", "--namespace=e2e-helm", "--wait");
  const kinds = "chatclusters,deployments,statefulsets,services,secrets,networkpolicies,pods";
  await eventually(
    async () => expect(await chat.kubectl("get", kinds, "--output=name", "--ignore-not-found")).toBe(""),
    { milliseconds: 120_000, interval: 500 },
  );
  const selector = "--selector=app.kubernetes.io/name=disroom,app.kubernetes.io/instance=demo";
  const claims = await chat.kubectl("get", "persistentvolumeclaims", selector, "--output=name");
  expect(claims).toBe("persistentvolumeclaim/data-demo-nats-0\n");

  // The CRD is the first release's, which had the same name.
  await helm("install", ...operator);
  await helm("install", ...demo);
  await operatorIsReady();
  await chatIsReady();
  const alice = await person("alice");
  alice.type("history");
  await alice.prints(/bob: hello\n/);
  await alice.prints(/alice: without it\n/);
});
