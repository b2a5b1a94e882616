import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { state } from "../../kube/state.ts";
import { BusyRoom } from "../support/busy-room.ts";
import { eventually } from "../support/eventually.ts";
import { installOperator } from "../support/installed-operator.ts";
import { kubectl } from "../support/kubectl.ts";
import { applyNamespace } from "../support/namespace.ts";
import { joined, whenReady } from "../support/remote-chat.ts";
import { addSlowImage } from "../support/slow-image.ts";

/** On Kubernetes, workers follow the lag. Their routing step is slow, so that one cannot handle a flood. */
installOperator();
const chat = applyNamespace("e2e-scaling", "test/e2e/manifests/scaling.yaml");
const perMessage = 2;
beforeAll(async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  await patch({ image: addSlowImage(`ghcr.io/disroom/disroom:${version}`, perMessage), paused: false });
});
const patience = { milliseconds: 240_000, interval: 500 };

const forwards: ChildProcess[] = [];
afterAll(() => {
  for (const child of forwards) child.kill();
});

/** NATS as this machine reaches it. */
async function natsUrl(): Promise<string> {
  const port = ["port-forward", "--namespace=e2e-scaling", "service/demo-nats", ":4222"];
  const child = spawn("kubectl", [`--kubeconfig=${state.kubeconfig}`, ...port], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  forwards.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const password = await chat.get(["secret", "demo-credentials"], "{.data.nats-password}");
  const address = /^Forwarding from (\S+) /.exec(line)?.[1];
  return `nats://disroom:${Buffer.from(password, "base64")}@${address}`;
}

const deployment = async (path: string): Promise<number> =>
  Number(await chat.get(["deployment", "demo-worker"], path));
const wanted = (): Promise<number> => deployment("{.spec.replicas}");
const ready = (): Promise<number> => deployment("{.status.readyReplicas}");
const lag = async (): Promise<number> =>
  Number(await chat.get(["chat", "demo"], "{.status.workers.lagSeconds}"));
const patch = (spec: object): Promise<string> =>
  chat.kubectl("patch", "chat", "demo", "--type=merge", `--patch=${JSON.stringify({ spec })}`);
const lagUnknown = async (status: "True" | "False"): Promise<void> => {
  await chat.kubectl("wait", `--for=condition=LagUnknown=${status}`, "chat/demo", "--timeout=240s");
};
/** Decisions of all operators that were made for this reason. */
async function decisions(reason: string): Promise<number> {
  const all = ["--namespace=disroom-system", "get", "pods", "--output=jsonpath={.items[*].metadata.name}"];
  const pods = (await kubectl(...all)).split(" ");
  let sum = 0;
  for (const pod of pods) {
    const path = `/api/v1/namespaces/disroom-system/pods/${pod}:8081/proxy/metrics`;
    for (const line of (await kubectl("get", "--raw", path)).split("\n"))
      if (line.startsWith("disroom_scaling_decisions_total{") && line.includes(`reason="${reason}"`))
        sum += Number(line.split(" ").at(-1));
  }
  return sum;
}

test("a flood brings more workers, which drain it; in the calm after it they go, and nothing is lost", async () => {
  const address = await whenReady(chat);
  const rooms = await Promise.all(
    Array.from({ length: 8 }, async (_, number) => {
      const name = `flood-${number}`;
      const [alice, bob] = [await joined(address, name, "alice"), await joined(address, name, "bob")];
      return new BusyRoom(name, { alice, bob }, 100);
    }),
  );
  await eventually(async () => expect(await ready()).toBeGreaterThan(1), patience);
  // They are enough, while people send on.
  await eventually(async () => {
    expect(await ready()).toBe(await wanted());
    expect(await lag()).toBeLessThan(1);
  }, patience);
  await Promise.all(rooms.map((room) => room.stop()));
  await eventually(async () => expect(await wanted()).toBe(1), patience);
  const url = await natsUrl();
  for (const room of rooms) await room.isWhole(url);
  const events = ["events", "--field-selector=reason=ScaledWorkers"];
  const said = await chat.get(events, "{range .items[*]}{.message}{'\\n'}{end}");
  expect(said).toMatch(/^\d queue workers in place of 1: the oldest message has waited for /m);
  expect(said).toMatch(/^1 queue worker in place of \d: /m);
});

test("a number that somebody edits is put back, and changed bounds hold at once", async () => {
  const soon = { milliseconds: 10_000, interval: 250 };
  await chat.kubectl("scale", "deployment/demo-worker", "--replicas=5");
  await eventually(async () => expect(await wanted()).toBe(1), soon);
  await patch({ workers: { minReplicas: 3 } });
  await eventually(async () => expect(await wanted()).toBe(3), soon);
  await patch({ workers: { minReplicas: 1, maxReplicas: 2 } });
  await eventually(async () => expect(await wanted()).toBe(2), soon);
  await eventually(async () => expect(await wanted()).toBe(1), patience);
});

test("while NATS is away nothing is measured, and the number of workers stays", async () => {
  await patch({ workers: { minReplicas: 2, lag: { scaleDownDelaySeconds: 1 } } });
  await eventually(async () => expect(await ready()).toBe(2), patience);
  // Its pod can run nowhere.
  await patch({ nats: { pod: { nodeSelector: { nowhere: "yes" } } } });
  await lagUnknown("True");
  await patch({ workers: { minReplicas: 1 } });
  const before = await decisions("Unknown");
  await eventually(async () => expect(await decisions("Unknown")).toBeGreaterThan(before + 2), patience);
  expect(await wanted()).toBe(2);
  await patch({ nats: { pod: { nodeSelector: null } } });
  await lagUnknown("False");
  await eventually(async () => expect(await wanted()).toBe(1), patience);
});
