import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ChatClient } from "../support/chat-client.ts";
import { runClient } from "../support/client-program.ts";
import { welcome } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { installOperator } from "../support/installed-operator.ts";
import { applyNamespace } from "../support/namespace.ts";
import { joined, whenReady } from "../support/remote-chat.ts";

/** The operator on Kubernetes: somebody applies a ChatCluster, and people chat. */

installOperator();

/** Sends numbers to a room all the time, and comes back when it loses its server. */
class Talker {
  /** Those that it saw echoed. */
  readonly echoed: number[] = [];
  readonly room: string;
  readonly #address: string;
  #next: number;
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(address: string, room: string, first = 1) {
    this.#address = address;
    this.room = room;
    this.#next = first;
    this.#done = this.#talk();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #talk(): Promise<void> {
    while (!this.#isOver) {
      const client = await eventually(() => joined(this.#address, this.room, "talker"), {
        milliseconds: 60_000,
        interval: 250,
      });
      while (!this.#isOver && !client.isOver) await this.#send(client);
      client.close();
    }
  }

  async #send(client: ChatClient): Promise<void> {
    const number = this.#next++;
    client.type(`send ${number}`);
    const told = await client.line(/^(?:\[.{8}\] talker: (\d+)|Error: .*)$/).catch(() => undefined);
    if (told?.[1] === String(number)) this.echoed.push(number);
    // Slow enough for all of it to be in the history.
    await delay(500);
  }
}

async function historyOf(address: string, room: string): Promise<number[]> {
  const client = await joined(address, room, "reader");
  client.type("history", "send the end");
  const text = await client.upTo(" reader: the end\n");
  return [...text.matchAll(/\] talker: (\d+)$/gm)].map(([, number]) => Number(number));
}

/** What was echoed is there, once and in order. A history has the last hundred. */
function expectWhole({ echoed }: Talker, history: readonly number[]): void {
  expect(history).toEqual([...new Set(history)].sort((a, b) => a - b));
  expect(history).toEqual(expect.arrayContaining(echoed.slice(-80)));
}

describe("a ChatCluster with one NATS node", () => {
  const chat = applyNamespace("e2e-one", "test/e2e/manifests/one.yaml");

  test("leads to people who chat with nc", async () => {
    const address = await whenReady(chat);
    const [alice, bob] = [runClient("nc", address, "8080"), runClient("nc", address, "8080")];
    for (const person of [alice, bob]) await person.prints(welcome);
    alice.type("join lobby alice");
    await alice.prints("Joined room lobby as alice\n");
    bob.type("join lobby bob", "send hello");
    await alice.prints(/\[.{8}\] bob: hello\n/);
    await bob.prints(/\[.{8}\] bob: hello\n/);
  });

  test("is shown by kubectl get", async () => {
    const row =
      /^NAME +READY +SERVERS +WORKERS +LAG +ENDPOINT +AGE\ndemo +True +2 +2 +\d[\d.]* +198\.18\.1\.\d+:8080 /;
    await eventually(async () => expect(await chat.kubectl("get", "chat")).toMatch(row), {
      milliseconds: 60_000,
      interval: 500,
    });
  });

  test("lets Prometheus read NATS and Redis", async () => {
    await whenReady(chat);
    const metrics = async (part: string, port: number): Promise<string> => {
      const selector = `--selector=app.kubernetes.io/component=${part}`;
      const pod = await chat.get(["pods", selector], "{.items[0].metadata.name}");
      return chat.kubectl("get", `--raw=/api/v1/namespaces/e2e-one/pods/${pod}:${port}/proxy/metrics`);
    };
    const patience = { milliseconds: 60_000, interval: 500 };
    const healthy = /^gnatsd_healthz_status_value{server_id="demo-nats-0-\w+",value="ok"} 1$/m;
    await eventually(async () => expect(await metrics("nats", 7777)).toMatch(healthy), patience);
    await eventually(async () => expect(await metrics("redis", 9121)).toMatch(/^redis_up 1$/m), patience);
  });

  test("grows to three NATS nodes while people chat, and loses, doubles and swaps nothing", async () => {
    const address = await whenReady(chat);
    const talkers = ["a", "b", "c", "d", "e", "f"].map((room) => new Talker(address, `growing-${room}`));
    const allGoOn = async (): Promise<void> => {
      const before = talkers.map(({ echoed }) => echoed.length);
      const goOn = (): boolean =>
        talkers.every(({ echoed }, index) => echoed.length > (before[index] ?? 0) + 2);
      await eventually(goOn, { milliseconds: 60_000 });
    };
    await allGoOn();
    await chat.kubectl("patch", "chat", "demo", "--type=merge", '--patch={"spec":{"nats":{"replicas":3}}}');
    // Every stream has its three copies before nothing is being changed any more.
    const settled = '--for=jsonpath={.status.conditions[?(@.type=="Progressing")].reason}=Settled';
    await chat.kubectl("wait", "--for=jsonpath={.status.nats.members}=3", "chat/demo", "--timeout=240s");
    await chat.kubectl("wait", settled, "chat/demo", "--timeout=240s");
    // From now on any of them may die, the first one too.
    await chat.kubectl("delete", "pod", "demo-nats-0", "--grace-period=0", "--force");
    await allGoOn();
    for (const talker of talkers) {
      await talker.stop();
      expectWhole(talker, await historyOf(address, talker.room));
    }
  });

  test("restores a child that somebody deletes", async () => {
    await chat.kubectl("delete", "service", "demo-server");
    await eventually(() => chat.get(["service", "demo-server"], "{.metadata.uid}"), {
      milliseconds: 30_000,
      interval: 500,
    });
    await whenReady(chat);
  });
});

describe("a ChatCluster with three NATS nodes", () => {
  const chat = applyNamespace("e2e-three", "test/e2e/manifests/three.yaml");

  test("loses, doubles and swaps nothing while each kind of pod is deleted in turn", async () => {
    const address = await whenReady(chat);
    const talker = new Talker(address, "deleted");
    await eventually(() => talker.echoed.length > 0, { milliseconds: 60_000 });
    for (const part of ["server", "worker", "redis", "nats"]) {
      const selector = `--selector=app.kubernetes.io/component=${part}`;
      const [pod = ""] = (await chat.get(["pods", selector], "{.items[*].metadata.name}")).split(" ");
      await chat.kubectl("delete", "pod", pod, "--timeout=120s");
      await whenReady(chat);
      const before = talker.echoed.length;
      await eventually(() => talker.echoed.length > before, { milliseconds: 60_000 });
    }
    await talker.stop();

    expectWhole(talker, await historyOf(address, "deleted"));
  });
});

describe("a NATS node without its volume", () => {
  const chat = applyNamespace("e2e-three", "test/e2e/manifests/three.yaml");

  test("comes back as another node, and has all copies again, while people chat", async () => {
    const address = await whenReady(chat);
    const talker = new Talker(address, "volume");
    await eventually(() => talker.echoed.length > 0, { milliseconds: 60_000 });
    await chat.kubectl("delete", "pvc", "data-demo-nats-1", "--wait=false");
    await chat.kubectl("delete", "pod", "demo-nats-1", "--timeout=120s");
    const removed = ["events", "--field-selector=reason=NATSNodeRemoved"];
    await eventually(
      async () =>
        expect(await chat.get(removed, "{.items[*].note}{.items[*].message}")).toContain("demo-nats-1-"),
      { milliseconds: 240_000, interval: 500 },
    );
    const settled = '--for=jsonpath={.status.conditions[?(@.type=="Progressing")].reason}=Settled';
    await chat.kubectl("wait", settled, "chat/demo", "--timeout=240s");
    // Without it, the two others are too few for three votes.
    await chat.kubectl("delete", "pod", "demo-nats-0", "--grace-period=0", "--force");
    const before = talker.echoed.length;
    await eventually(() => talker.echoed.length > before + 3, { milliseconds: 60_000 });
    await talker.stop();
    expectWhole(talker, await historyOf(address, "volume"));
  });
});

describe("two ChatClusters in one namespace", () => {
  const chat = applyNamespace("e2e-two", "test/e2e/manifests/two.yaml");

  test("don't meet, though people are in rooms of the same name, and each kind of pod of one is deleted", async () => {
    const addresses = { demo: await whenReady(chat), other: await whenReady(chat, "other") };
    expect(addresses.demo).not.toBe(addresses.other);
    const talkers = {
      demo: new Talker(addresses.demo, "lobby", 1001),
      other: new Talker(addresses.other, "lobby", 2001),
    };
    await chat.kubectl("delete", "pod", "--selector=app.kubernetes.io/instance=demo", "--timeout=120s");
    await whenReady(chat);
    for (const talker of Object.values(talkers)) {
      const before = talker.echoed.length;
      await eventually(() => talker.echoed.length > before + 3, { milliseconds: 60_000 });
      await talker.stop();
    }
    const histories = {
      demo: await historyOf(addresses.demo, "lobby"),
      other: await historyOf(addresses.other, "lobby"),
    };
    expectWhole(talkers.demo, histories.demo);
    expectWhole(talkers.other, histories.other);
    expect(histories.demo.filter((number) => number > 2000)).toEqual([]);
    expect(histories.other.filter((number) => number <= 2000)).toEqual([]);
  });

  test("one that is deleted leaves nothing but its volumes; of the same name, it has its messages again", async () => {
    const address = await whenReady(chat);
    const before = await historyOf(address, "lobby");
    await chat.kubectl("delete", "chat", "demo", "--timeout=60s");
    const kinds =
      "all,secrets,serviceaccounts,configmaps,networkpolicies,poddisruptionbudgets,persistentvolumeclaims";
    await eventually(
      async () => {
        const left = await chat.kubectl(
          ...["get", kinds, "--selector=app.kubernetes.io/instance=demo", "--output=name"],
        );
        expect(left.trim()).toBe("persistentvolumeclaim/data-demo-nats-0");
      },
      { milliseconds: 120_000, interval: 500 },
    );
    const other = await joined(await whenReady(chat, "other"), "lobby", "visitor");
    other.type("send still here");
    await other.line(/visitor: still here/);

    await chat.kubectl("apply", "--filename=test/e2e/manifests/two.yaml");
    expect(await historyOf(await whenReady(chat), "lobby")).toEqual(before);
  });
});
