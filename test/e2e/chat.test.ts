import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { switchNode } from "../../kube/node/power.ts";
import { state } from "../../kube/state.ts";
import { kubectlCommand } from "../../kube/system/kubectl.ts";
import { provisionStreams } from "../../src/cluster/provision.ts";
import { checkChatCluster } from "../../src/cluster/spec.ts";
import { createLog } from "../../src/platform/log.ts";
import { connectNats } from "../../src/platform/nats.ts";
import { ChatClient } from "../support/chat-client.ts";
import { type ClientProgram, runClient } from "../support/client-program.ts";
import { welcome } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { kubectl } from "../support/kubectl.ts";
import { applyNamespace } from "../support/namespace.ts";
import { connectTo, join } from "../support/remote-chat.ts";

/** Our image on Kubernetes, with plain objects: test/e2e/manifests/chat.yaml. */
const chat = applyNamespace("e2e-chat", "test/e2e/manifests/chat.yaml");
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const goodbye = "* Server is restarting, please reconnect\n";
const time = String.raw`\[\d\d:\d\d:\d\d\]`;

let address: string;
beforeAll(async () => {
  await chat.rolledOut("statefulset/nats", "deployment/redis");
  await createStreams(await chat.get(["pod", "nats-0"], "{.status.podIP}"));
  await chat.rolledOut("deployment/server", "deployment/worker");
  const ingress = "{.status.loadBalancer.ingress[0].ip}";
  address = await eventually(async () => (await chat.get(["service", "chat"], ingress)) || false, {
    interval: 500,
  });
  await eventually(connect);
});

async function createStreams(nats: string): Promise<void> {
  const { spec } = checkChatCluster({
    apiVersion: "disroom.io/v1alpha1",
    kind: "ChatCluster",
    metadata: { name: "e2e" },
    spec: {
      nats: { replicas: 1, storage: { size: "1Gi" } },
      rooms: { retention: { maxBytes: "256Mi" } },
      queue: { maxBytes: "128Mi" },
      workers: { partitions: 4 },
    },
  });
  const connection = await connectNats(`nats://${nats}:4222`, "e2e", createLog("e2e", "fatal"));
  await provisionStreams(connection, spec);
  await connection.close();
}

const nc = (): ClientProgram => runClient("nc", address, "8080");

const connect = (): Promise<ChatClient> => connectTo(address);

/** The names of the chat servers' pods that take connections. */
async function servers(): Promise<string[]> {
  const ready = await chat.get(
    ["pods", "--selector=app=server", "--field-selector=status.phase=Running"],
    "{.items[*].metadata.name}",
  );
  return ready.split(" ");
}

async function connectionsOf(pod: string): Promise<number> {
  const ip = await chat.get(["pod", pod], "{.status.podIP}");
  const metrics = await (await fetch(`http://${ip}:9090/metrics`)).text();
  return Number(
    /^disroom_connections\{[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? expect.fail("no disroom_connections"),
  );
}

/** A client of this pod. Which one a connection gets to is chosen by chance. */
async function connectToPod(pod: string): Promise<ChatClient> {
  for (;;) {
    const before = await connectionsOf(pod);
    const client = await connect();
    if ((await connectionsOf(pod)) > before) return client;
    client.close();
    await eventually(async () => (await connectionsOf(pod)) <= before);
  }
}

test("people chat with nc through the load balancer's address", async () => {
  const [alice, bob] = [nc(), nc()];
  await alice.prints(welcome);
  await bob.prints(welcome);
  alice.type("join lobby alice");
  await alice.prints("Joined room lobby as alice\n");
  bob.type("join lobby bob");
  await bob.prints("Joined room lobby as bob\n");
  await alice.prints("* bob joined lobby\n");
  for (let number = 1; number <= 20; number++) {
    alice.type(`send hello ${number}`);
    await alice.prints(new RegExp(`^${time} alice: hello ${number}\n`, "m"));
    await bob.prints(new RegExp(`^${time} alice: hello ${number}\n`, "m"));
  }
  bob.type("exit");
  await alice.prints("* bob left lobby\n");
  await bob.prints("Goodbye!\n");
});

describe("a chat server", () => {
  test("that is deleted tells its members, and another takes its place with all that was said", async () => {
    const [pod = ""] = await servers();
    const member = await connectToPod(pod);
    await join(member, "deleted", "carol");
    member.type("send before");
    await member.line(/ carol: before$/);
    await chat.kubectl("delete", "pod", pod, "--wait=false");
    await member.line(goodbye.trimEnd());
    await member.ended();
    await chat.kubectl("wait", "--for=delete", `pod/${pod}`, "--timeout=60s");
    await chat.rolledOut("deployment/server");
    expect(await servers()).toHaveLength(2);

    const again = await eventually(connect);
    await join(again, "deleted", "carol");
    again.type("send after", "history");
    await again.line(/ carol: after$/);
    await again.line(/ carol: before$/);
    await again.line(/ carol: after$/);
  });

  test("whose node is drained tells its members and starts on another", async () => {
    const [pod = ""] = await servers();
    const node = await chat.get(["pod", pod], "{.spec.nodeName}");
    const member = await connectToPod(pod);
    await join(member, "drained", "dave");
    try {
      // NATS, whose volume is on its node, cannot go elsewhere.
      await Promise.all([
        kubectl("drain", node, "--pod-selector=app=server", "--timeout=60s"),
        member.line(goodbye.trimEnd()).then(() => member.ended()),
      ]);
      await chat.rolledOut("deployment/server");
      const nodes = await chat.get(["pods", "--selector=app=server"], "{.items[*].spec.nodeName}");
      expect(nodes.split(" ")).not.toContain(node);
      await join(await eventually(connect), "drained", "dave");
    } finally {
      await kubectl("uncordon", node);
    }
  });
});

test("a node that loses its power comes back with all that its NATS had stored", async () => {
  const node = await chat.get(["pod", "nats-0"], "{.spec.nodeName}");
  const member = await connect();
  await join(member, "power", "erin");
  for (let number = 1; number <= 50; number++) {
    member.type(`send ${number}`);
    await member.line(new RegExp(` erin: ${number}$`));
  }
  const restarts = () => chat.get(["pod", "nats-0"], "{.status.containerStatuses[0].restartCount}");
  expect(await restarts()).toBe("0");
  await switchNode(node, "off");
  await switchNode(node, "on");
  await eventually(async () => expect(await restarts()).toBe("1"), { milliseconds: 120_000, interval: 500 });
  await chat.rolledOut("statefulset/nats", "deployment/redis", "deployment/server", "deployment/worker");

  const again = await eventually(connect, { milliseconds: 60_000 });
  await join(again, "power", "frank");
  again.type("send 51");
  await again.line(/ frank: 51$/);
  again.type("history");
  for (let number = 2; number <= 50; number++) await again.line(new RegExp(` erin: ${number}$`));
  await again.line(/ frank: 51$/);
});

test("kubectl reaches into pods", async () => {
  expect(await chat.kubectl("exec", "nats-0", "--", "nats-server", "--version")).toContain("nats-server: v");
  expect(await chat.kubectl("logs", "deployment/worker")).toContain('"msg":"listening"');
  const forward = runClient(
    ...kubectlCommand(state.kubeconfig, "--namespace=e2e-chat", "port-forward", "service/chat", ":8080"),
  );
  const [, port] = await forward.prints(/Forwarding from 127\.0\.0\.1:(\d+)/);
  const client = await ChatClient.connect(Number(port));
  await client.reads(welcome);
});

describe("the image", () => {
  const image = `ghcr.io/disroom/disroom:${version}`;

  test("runs with kubectl run", async () => {
    const pod = "e2e-run-help";
    try {
      await kubectl(
        "run",
        pod,
        `--image=${image}`,
        "--image-pull-policy=Always",
        "--restart=Never",
        "--",
        "help",
      );
      await kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${pod}`, "--timeout=60s");
      expect(await kubectl("logs", pod)).toContain("a chat server, which people connect to");
    } finally {
      await kubectl("delete", "pod", pod, "--ignore-not-found", "--now");
    }
  });

  test("is not let in where it would not keep to the Pod Security standard", async () => {
    const refused = chat.kubectl("run", "root", `--image=${image}`, "--privileged", "--dry-run=server");
    await expect(refused).rejects.toThrow('violates PodSecurity "restricted:latest"');
  });
});
